"""Numbers found by id and by their coordinates."""

from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.report.lookup import Numbers
from made_up_numbers import metric_rows

FRAME = metric_rows()
RECALL = "peft/full/s*/openmoji/test/clean/text_to_image/recall@1"


def test_an_aggregate_goes_before_single_seeds() -> None:
    numbers = Numbers(FRAME)
    where = {"cell": "full", "dataset": "openmoji", "direction": "text_to_image"}
    found = numbers.find("peft", "recall@1", **where)
    assert found is not None and found.seed == "*"
    single = Numbers(FRAME[FRAME["seed"] == "0"]).find("peft", "recall@1", **where)
    assert single is not None and single.seed == "0"


def test_the_deviation_over_seeds_belongs_to_an_aggregate() -> None:
    numbers = Numbers(FRAME)
    mean, single = numbers.get(RECALL), numbers.get(RECALL.replace("s*", "s0"))
    assert mean is not None and single is not None
    assert numbers.deviation(mean) is numbers.get(f"{RECALL}_std")
    assert numbers.deviation(single) is None
    alone = Numbers(FRAME.assign(value=FRAME["value"].where(~FRAME["metric"].str.endswith("_std"))))
    assert alone.deviation(mean) is None, "undefined over one seed"


def test_what_is_undefined_is_not_a_number_and_what_is_absent_is_none() -> None:
    numbers = Numbers(FRAME)
    undefined = numbers.get("peft/bitfit/s*/openmoji/test/clean/mean/normalised_gain_recall@1")
    assert undefined is not None and undefined.value != undefined.value
    counted = numbers.get("peft/full/s*/-/-/-/-/parameters_trainable")
    assert counted is not None and (counted.ci_low, counted.ci_high, counted.n_queries) == (None, None, None)
    assert numbers.get("gone") is None and numbers.find("peft", "gone") is None
    assert numbers.distinct("dataset", cell="full", experiment="peft") == [
        "-",
        "openmoji",
        "twemoji",
        "fluent",
    ]


def test_several_files_are_one_table(tmp_path: Path) -> None:
    parts = tmp_path / "a.parquet", tmp_path / "b.parquet"
    FRAME.iloc[:10].to_parquet(parts[0])
    FRAME.iloc[10:].to_parquet(parts[1])
    assert list(Numbers.read(*parts))[10].number_id == FRAME["number_id"][10]
    with pytest.raises(UserError, match="stands twice; ids must be unique"):
        Numbers.read(*parts, parts[0])
