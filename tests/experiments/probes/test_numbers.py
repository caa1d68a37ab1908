"""The numbers of probes: their ids, no seed, equal to what the queries say, and on parts of the test set."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from crossmodal.data.tables import read_table
from crossmodal.experiments.probes import evaluate_probe
from crossmodal.experiments.probes.numbers import main
from crossmodal.statistics.numbers import read_numbers
from probed import drawings, write_split

WORDS = ["apple", "boat", "cat", "dog", "egg", "fish"]
PLACE = "probes/{}/s*/shapes/test/{}/{}/{}"
SUBSETS = {"odd": {"groups": ["odd"], "exclude": False}, "all": {"groups": ["nothing"], "exclude": True}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of both probes on a test split, and their numbers."""
    folder = tmp_path_factory.mktemp("probes")
    captions = {
        word: [f"a {word}", f"{word} and {other}"]
        for word, other in zip(WORDS, WORDS[1:] + WORDS[:1], strict=True)
    }
    known = write_split(folder / "known.parquet", drawings(6, seed=0), captions)
    noisy = [
        image // 2 + other // 2 for image, other in zip(drawings(6, seed=0), drawings(6, seed=5), strict=True)
    ]
    test = write_split(folder / "test.parquet", noisy, captions, groups=["even", "odd"] * 3)
    paths = [
        folder / f"probes/{probe}/s0/shapes/test/clean/queries.parquet" for probe in ("lookup", "colours")
    ]
    for path in paths:
        path.parent.mkdir(parents=True)
        evaluate_probe.main([known], test, path, {"wildcards": {"probe": path.parts[-6]}})
    parameters = {"statistics": {"resamples": 100}, "target": "shapes", "subsets": SUBSETS}
    main(paths, [test], folder / "numbers.parquet", {"parameters": parameters})
    return folder


def test_every_metric_of_every_probe_is_a_number_without_seeds(folder: Path) -> None:
    numbers = {number.number_id: number for number in read_numbers(folder / "numbers.parquet")}
    for probe in ("lookup", "colours"):
        for direction in ("text_to_image", "image_to_text"):
            for metric in ("recall@1", "recall@5", "recall@10", "ndcg@10", "ndcg@100", "map"):
                assert PLACE.format(probe, "clean", direction, metric) in numbers
        assert PLACE.format(probe, "clean", "image_to_text", "concept_recall@1") in numbers
    for number in numbers.values():
        assert number.seed == "*" and number.n_seeds is None and number.experiment == "probes"
        assert number.value is not None and number.ci_low is not None and number.ci_high is not None
        assert number.ci_low <= number.value <= number.ci_high and not number.metric.endswith("_std")


def test_a_number_is_the_mean_over_its_queries(folder: Path) -> None:
    numbers = {number.number_id: number for number in read_numbers(folder / "numbers.parquet")}
    for probe in ("lookup", "colours"):
        table = read_table(folder / f"probes/{probe}/s0/shapes/test/clean/queries.parquet")
        for direction, count in (("text_to_image", 12), ("image_to_text", 6)):
            own = table.filter(pc.equal(table["direction"], direction))
            number = numbers[PLACE.format(probe, "clean", direction, "recall@1")]
            assert number.n_queries == count and number.value == pytest.approx(
                pc.mean(own["recall@1"]).as_py()
            )
            asked = np.array(
                [int(name.split("/")[1].split("#")[0]) % 2 == 1 for name in own["query_id"].to_pylist()]
            )
            part = numbers[PLACE.format(probe, "clean@odd", direction, "recall@1")]
            assert part.n_queries == count // 2
            assert part.value == pytest.approx(own["recall@1"].to_numpy()[asked].mean())


def test_a_part_that_is_the_whole_has_no_numbers(folder: Path) -> None:
    assert {n.variant for n in read_numbers(folder / "numbers.parquet")} == {"clean", "clean@odd"}


def test_no_probe_gives_no_number(tmp_path: Path) -> None:
    parameters = {"statistics": {}, "target": "shapes", "subsets": SUBSETS}
    main([], [], tmp_path / "numbers.parquet", {"parameters": parameters})
    assert read_numbers(tmp_path / "numbers.parquet") == []
