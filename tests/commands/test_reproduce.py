"""`crossmodal reproduce`: what is to be derived again, and when a derived number is not the recorded one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from PIL import Image

from crossmodal.commands.context import Context, resolve
from crossmodal.commands.reproduce import _recorded, _writers, compare, own_paths
from crossmodal.data.karpathy import build
from crossmodal.errors import UserError
from crossmodal.provenance.dag import Job
from crossmodal.provenance.rederive import prepare
from crossmodal.statistics.numbers import Number, write_numbers

ROOT = Path(__file__).resolve().parents[2]
CARD = "results/tiny/adaptation/lora-r8/s0/card.json"
ONE = Number(
    "peft", "lora-r8", "*", "openmoji", "test", "clean", "text_to_image", "recall@1", 0.25, 0.2, 0.3, 100,
    "fraction", CARD,
)  # fmt: skip
TIME = replace(ONE, metric="latency_p50", value=5.0, ci_low=4.0, ci_high=6.0, unit="ms")
BARE = {"ci_low": None, "ci_high": None, "n_queries": None}
TABLE = "results/tiny/numbers/cells.parquet"
JOINED = "results/tiny/metrics.parquet"
CELLS = Job("number_cells", (), (CARD,), (TABLE,), "results/tiny/numbers/cells.manifest.json", "")


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes the table of an experiment and that of all numbers."""
    monkeypatch.chdir(tmp_path)
    Path(TABLE).parent.mkdir(parents=True)

    def write(own: list[Number], joined: list[Number]) -> None:
        write_numbers(Path(TABLE), own)
        write_numbers(Path(JOINED), joined)

    return write


@pytest.mark.parametrize("number", [ONE, TIME, replace(ONE, value=None, **BARE)])
def test_what_is_equal_in_every_bit(number: Number) -> None:
    fine, line = compare(number, number)
    assert fine and line.startswith(f"bit-equal: {number.value!r} {number.unit}, interval ")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"value": 0.25 + 1e-16 * 2}, "differs by"),
        ({"value": None, **BARE}, "recorded 0.25, derived again None"),
        ({"ci_high": 0.31}, "interval (0.2, 0.3), derived again (0.2, 0.31)"),
        ({"ci_low": 0.2 - 1e-6}, "interval (0.2, 0.3), derived again (0.199999, 0.3)"),
        ({"ci_low": None, "ci_high": None}, "interval (0.2, 0.3), derived again None"),
        ({"unit": "ms"}, "unit 'fraction', derived again 'ms'"),
        ({"n_queries": 99}, "queries 100, derived again 99"),
    ],
)
def test_a_number_that_is_not_what_was_recorded(changes: dict[str, object], told: str) -> None:
    for recorded, derived in ((ONE, replace(ONE, **changes)), (replace(ONE, **changes), ONE)):
        fine, line = compare(recorded, derived)
        assert not fine
        assert recorded is not ONE or told in line
        assert "measured times" not in line


@pytest.mark.parametrize(
    "metric",
    ["parameters_trainable", "saved_parameters", "validation_recall@1", "index_recall@10", "memory_peak"],
)
def test_what_stands_beside_times_in_a_file_is_no_time(metric: str) -> None:
    recorded = replace(ONE, metric=metric, value=12345.0, **BARE)
    fine, line = compare(recorded, replace(recorded, value=12346.0))
    assert not fine and "differs by +1, outside the recorded interval none" in line


@pytest.mark.parametrize(
    "metric",
    ["latency_p50", "saved_latency_pair", "qps", "training_seconds", "pareto_training_seconds_probability"],
)
def test_times_and_what_is_computed_from_them_may_differ(metric: str) -> None:
    recorded = replace(TIME, metric=metric)
    fine, line = compare(recorded, replace(recorded, value=5.5, ci_low=5.0, ci_high=6.5))
    assert fine and line == (
        "recorded 5, derived again 5.5 ms: differs by +0.5, inside the recorded interval [4, 6];"
        " it rests on measured times"
    )
    fine, line = compare(recorded, replace(recorded, ci_low=4.5))
    assert fine and line == (
        "bit-equal: 5.0 ms, interval [4, 6], another one now: it rests on measured times"
    )
    fine, line = compare(recorded, replace(recorded, value=5.5, unit="s"))
    assert not fine and line.endswith("; unit 'ms', derived again 's'"), "what it is measured in is no time"


def test_an_interval_may_differ_by_the_rounding_of_float32() -> None:
    """The one case that was met: columns resampled together or alone."""
    recorded = replace(ONE, value=0.46929958294659047, ci_low=0.4279162552631566, ci_high=0.5125181210185507)
    fine, line = compare(recorded, replace(recorded, ci_low=0.4279162570792356))
    assert fine and line.endswith("interval [0.427916, 0.512518] but for rounding")
    assert not compare(recorded, replace(recorded, ci_low=0.427917))[0]


def test_the_table_of_all_numbers_is_what_is_derived(tables) -> None:
    tables([ONE], [TIME, ONE])
    assert _recorded("tiny", ONE.number_id, {TABLE: CELLS}) == (ONE, TABLE)


@pytest.mark.parametrize(
    "change", [{"value": 0.9}, {"ci_low": 0.1}, {"unit": "ms"}, {"source": "other.json"}]
)
def test_two_tables_that_disagree_are_named(tables, change: dict[str, object]) -> None:
    forged = replace(ONE, **change)
    for own, joined in (([ONE], [forged]), ([forged], [ONE])):
        tables(own, joined)
        with pytest.raises(UserError) as error:
            _recorded("tiny", ONE.number_id, {TABLE: CELLS})
        assert str(error.value) == (
            f"{ONE.number_id}: {JOINED} and {TABLE} disagree; `crossmodal audit` says which file was changed"
        )


def test_a_number_in_one_table_alone_is_an_error(tables) -> None:
    tables([TIME], [ONE])
    with pytest.raises(UserError, match=r"stands in results/tiny/metrics\.parquet, but in no table below"):
        _recorded("tiny", ONE.number_id, {TABLE: CELLS})
    with pytest.raises(UserError, match=r"stands in results/tiny/numbers/cells\.parquet, but not in"):
        _recorded("tiny", TIME.number_id, {TABLE: CELLS})
    with pytest.raises(UserError, match="no number 'peft/nothing' in study tiny"):
        _recorded("tiny", "peft/nothing", {TABLE: CELLS})


def test_a_table_that_no_job_writes_is_not_believed(tables) -> None:
    tables([TIME], [ONE])
    write_numbers(Path(TABLE).with_name("added.parquet"), [ONE])
    with pytest.raises(UserError, match="in no table below results/tiny/numbers"):
        _recorded("tiny", ONE.number_id, {TABLE: CELLS})


def test_broken_and_missing_tables_are_one_line(tables) -> None:
    tables([ONE], [ONE])
    for broken in (TABLE, JOINED):
        whole = Path(broken).read_bytes()
        Path(broken).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserError, match=f"^{broken}: not a readable Parquet file .* run again$"):
            _recorded("tiny", ONE.number_id, {TABLE: CELLS})
        Path(broken).write_bytes(whole)
    Path(JOINED).unlink()
    with pytest.raises(UserError, match=r"metrics\.parquet: not here; `crossmodal restore`"):
        _recorded("tiny", ONE.number_id, {TABLE: CELLS})


def test_photographs_outside_the_folder_are_found_in_the_scratch_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, photos = tmp_path / "project", tmp_path / "photos"
    for folder in (project, photos):
        folder.mkdir()
    Image.new("RGB", (40, 30), "red").save(photos / "a.jpg")
    entries = [{"filename": "a.jpg", "split": "train", "sentences": [{"raw": "a red picture"}]}]
    (photos / "dataset.json").write_text(json.dumps({"dataset": "mine", "images": entries}))
    shutil.copy(ROOT / "params.yaml", project)
    overlay = yaml.safe_load((ROOT / "studies/flickr8k.yaml").read_text())
    overlay["datasets"]["flickr8k"] |= {"images": "../photos", "split_file": "../photos/dataset.json"}
    overlay["datasets"]["unused"] = {**overlay["datasets"]["flickr8k"], "images": "../../../../../../tmp"}
    (project / "mine.yaml").write_text(yaml.safe_dump(overlay, sort_keys=False))
    monkeypatch.chdir(project)
    overlays = [Path("mine.yaml")]
    study = resolve(overlays)
    found = own_paths(Context(study, overlays, [], {}, {}, {}, []))
    assert found == {"../photos", "../photos/dataset.json"}
    monkeypatch.chdir(prepare(tmp_path / "scratch", found))
    params = study.datasets["flickr8k"]
    built = build(params, {"split_file": Path(params.files()["split_file"])})
    assert [example.captions for example in built.splits["train"]] == [["a red picture"]]
    assert not list(built.rejects)


@pytest.mark.parametrize("source", ["", "/etc/passwd", f"{TABLE};other.json"])
def test_a_source_that_no_job_writes_is_named(source: str) -> None:
    with pytest.raises(UserError, match="is no output of a job of this study"):
        _writers(ONE.number_id, source.split(";"), {TABLE: CELLS})
