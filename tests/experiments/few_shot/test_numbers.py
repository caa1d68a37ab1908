"""Numbers of few-shot classification, checked against plain averages of the answers."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.few_shot.accuracies import accuracies, read_answers
from crossmodal.experiments.few_shot.claims import claims
from crossmodal.experiments.few_shot.costs import cost_numbers
from crossmodal.experiments.few_shot.fit_classifiers import ANSWERS
from crossmodal.experiments.few_shot.names import method_name
from crossmodal.experiments.few_shot.numbers import accuracy_numbers, chance_numbers, chosen_numbers, main
from crossmodal.experiments.few_shot.params import Params
from crossmodal.experiments.few_shot.records import Fit, Time
from crossmodal.statistics.numbers import Number, read_numbers
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import targets_of
from judged import judged

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=1)
RATES = {"zero": 0.3, "tip": 0.6, "tip-again": 0.6, "xm": 0.9, "blind": 0.2}
METHODS = {
    "zero": {"kind": "zero_shot"},
    "tip": {"kind": "tip_adapter_f"},
    "xm": {"kind": "xmadapter"},
    "blind": {"kind": "pixels"},
}
ROOM = Params.model_validate(
    {
        "sets": ["flat", "line"],
        "shots": [1, 4],
        "draws": [0, 1, 2],
        "methods": METHODS,
        "elsewhere": {"source": "flat", "sets": ["line", "dark"]},
        "cell": "xm",
        "reference": "tip",
        "baseline": "zero",
        "probe": "blind",
    }
)
CLASSES = ("cat", "dog", "owl", "ant")


def write_answers(folder: Path, dataset: str, draw: int, images: int = 120, model: str = "towers") -> Path:
    """Write made-up answers to `images` test images, two of each cluster, right at the rates of RATES."""
    drawn, columns = np.random.default_rng([draw, len(dataset)]), [list[object]() for _ in ANSWERS]
    targets = [dataset, *(["dark"] if dataset == "flat" else [])] + (["line"] if dataset == "flat" else [])
    for method, rate in RATES.items():
        for shots in ROOM.shots:
            for target in targets:
                for n in range(images):
                    kind = min(n % 7, 3)  # more ants than all others
                    right = drawn.random() < rate
                    label, answer = CLASSES[kind], CLASSES[kind if right else (kind + 1) % 4]
                    row = (method, shots, target, f"{target}/{n}", f"thing-{n // 2}", label, answer)
                    for column, value in zip(columns, row, strict=True):
                        column.append(value)
    path = folder / model / dataset / str(draw) / "answers.parquet"
    path.parent.mkdir(parents=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, ANSWERS, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=ANSWERS), path)
    return path


def plain_accuracy(path: Path, method: str, shots: int, dataset: str) -> float:
    rows = [
        row
        for row in pq.read_table(path).to_pylist()
        if (row["method"], row["shots"], row["dataset"]) == (method, shots, dataset)
    ]
    return sum(row["label"] == row["answer"] for row in rows) / len(rows)


def plain_class_accuracy(path: Path, method: str, shots: int, dataset: str) -> float:
    table = (
        pq.read_table(path).to_pandas().query("method == @method and shots == @shots and dataset == @dataset")
    )
    return np.mean([(own["label"] == own["answer"]).mean() for _, own in table.groupby("label")])


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("answers")
    return [write_answers(folder, name, draw) for name in ROOM.sets for draw in ROOM.draws]


@pytest.fixture(scope="module")
def numbers(answers: list[Path]) -> list[Number]:
    results = [
        result
        for path in answers
        for result in read_answers(path, "towers", path.parts[-3], int(path.parts[-2]), "towers")
    ]
    found = accuracies(results, ROOM.groups(), STATISTICS)
    return accuracy_numbers(found, ROOM, 0.95, targets_of(claims(ROOM, "flat", {})))


def test_accuracies_are_means_over_draws_and_sets(answers: list[Path], numbers: list[Number]) -> None:
    told = {number.number_id: number for number in numbers}
    own = {
        (path.parts[-3], int(path.parts[-2])): plain_accuracy(path, "xm", 4, path.parts[-3])
        for path in answers
    }
    at = "few_shot/xm/{}/test/4-shot/image_to_text/accuracy@1"
    for (dataset, draw), value in own.items():
        assert told[at.format(f"s{draw}/{dataset}")].value == pytest.approx(value)
    mean = told[at.format("s*/sets")]
    assert mean.value == pytest.approx(np.mean(list(own.values())))
    assert mean.n_seeds == 3 and mean.ci_low < mean.value < mean.ci_high


def test_each_class_counts_once_in_the_accuracy_by_class(answers: list[Path], numbers: list[Number]) -> None:
    told = {number.number_id: number for number in numbers}
    at = "few_shot/xm/{}/test/4-shot/image_to_text/class_accuracy@1"
    own = {path.parts[-3:-1]: plain_class_accuracy(path, "xm", 4, path.parts[-3]) for path in answers}
    for (dataset, draw), value in own.items():
        assert told[at.format(f"s{draw}/{dataset}")].value == pytest.approx(value)
    assert told[at.format("s*/sets")].value == pytest.approx(np.mean(list(own.values())))
    gain = told["few_shot/xm/s*/sets/test/4-shot/image_to_text/gain_over_tip_class_accuracy@1"]
    tip = [plain_class_accuracy(path, "tip", 4, path.parts[-3]) for path in answers]
    assert gain.value == pytest.approx(np.mean(list(own.values())) - np.mean(tip))


def test_others_are_a_mean_of_their_own(answers: list[Path], numbers: list[Number]) -> None:
    told = {number.number_id: number.value for number in numbers}
    flat = [path for path in answers if path.parts[-3] == "flat"]
    plain = np.mean([plain_accuracy(path, "tip", 1, name) for path in flat for name in ("line", "dark")])
    at = "few_shot/tip/s*/elsewhere/test/1-shot-from-flat/image_to_text/accuracy@1"
    assert told[at] == pytest.approx(plain)


def test_gains_are_differences_of_the_same_images(answers: list[Path], numbers: list[Number]) -> None:
    told = {number.number_id: number for number in numbers}
    at = "few_shot/{}/s*/line/test/4-shot/image_to_text/{}"
    for other in ("zero", "tip", "blind"):
        gain = told[at.format("xm", f"gain_over_{other}_accuracy@1")]
        difference = told[at.format("xm", "accuracy@1")].value - told[at.format(other, "accuracy@1")].value
        assert gain.value == pytest.approx(difference) and gain.ci_low < gain.value < gain.ci_high
    assert at.format("tip", "gain_over_tip_accuracy@1") not in told
    aa = told["few_shot/tip/s*/sets/test/4-shot/image_to_text/aa_difference_accuracy@1"]
    assert aa.ci_low < 0 < aa.ci_high
    assert told["few_shot/tip/s*/sets/test/4-shot/image_to_text/smallest_visible_accuracy@1"].value > 0


def test_equal_answers_have_a_gain_of_nothing(tmp_path: Path) -> None:
    paths = [write_answers(tmp_path, "line", draw) for draw in ROOM.draws]
    for path in paths:
        table = pq.read_table(path)
        rows = [row for row in table.to_pylist() if row["method"] == "tip"]
        twice = [row | {"method": method} for row in rows for method in ("tip", "xm")]
        pq.write_table(pa.Table.from_pylist(twice, schema=ANSWERS), path)
    results = [r for n, path in enumerate(paths) for r in read_answers(path, "towers", "line", n, "towers")]
    found = accuracies(results, {}, STATISTICS)
    gains = [n for n in accuracy_numbers(found, ROOM, 0.95) if n.metric == "gain_over_tip_accuracy@1"]
    assert gains and all((n.value, n.ci_low, n.ci_high) == (0, 0, 0) for n in gains), "draws are shared"


def test_the_claims_are_judged_by_numbers_that_are_made(numbers: list[Number]) -> None:
    verdicts = judged(claims(ROOM, "flat", {}), numbers)
    assert list(verdicts) == ["XM.4-shot", "XM.elsewhere"]
    assert {verdict.verdict for verdict in verdicts.values()} == {"supported"}
    assert "1-shot" in verdicts["XM.4-shot"].note
    assert not list(claims(ROOM.model_copy(update={"cell": None}), "flat", {}))


def test_another_backbone_is_compared_with_its_own_methods(tmp_path: Path) -> None:
    results = []
    for model in ("towers", "vit"):
        path = write_answers(tmp_path, "line", 0, model=model)
        results += read_answers(path, model, "line", 0, "towers")
    found = accuracies(results, {}, STATISTICS)
    told = {n.number_id: n.value for n in accuracy_numbers(found, ROOM, 0.95)}
    at = "few_shot/{}/s*/line/test/1-shot/image_to_text/{}"
    own = told[at.format("xm@vit", "accuracy@1")] - told[at.format("tip@vit", "accuracy@1")]
    assert told[at.format("xm@vit", "gain_over_tip_accuracy@1")] == pytest.approx(own)
    assert method_name("xm", "vit", "towers") == "xm@vit"


def test_chance_is_one_over_the_classes(answers: list[Path]) -> None:
    told = {n.number_id: n.value for n in chance_numbers(answers[::3], ROOM)}
    assert (
        set(told.values()) == {0.25}
        and "few_shot/chance/s*/sets/test/1-shot/image_to_text/accuracy@1" in told
    )


def test_what_was_chosen_is_averaged_over_fits() -> None:
    fits = [
        Fit(
            method="tip", model="towers", dataset=name, draw=draw, shots=4, parameters=8, stored=16,
            chosen={"alpha": alpha}, validation_accuracy=alpha / 10, source=f"{name}-{draw}.json",
        )
        for name, draw, alpha in (("flat", 0, 1.0), ("flat", 1, 3.0), ("line", 0, 5.0))
    ]  # fmt: skip
    told = {n.number_id: n.value for n in chosen_numbers(fits, ROOM, "towers")}
    at = "few_shot/tip/{}/val/4-shot/image_to_text/{}"
    assert told[at.format("s1/flat", "chosen_alpha")] == 3.0
    assert told[at.format("s*/sets", "chosen_alpha")] == 3.0
    assert told[at.format("s*/sets", "accuracy@1")] == pytest.approx(0.3)


def times(processes: int = 2) -> list[Time]:
    return [
        Time(
            method=method, process=process, seconds=pace * (1 + process), samples_ms=[pace, pace, 2 * pace],
            flops=100, parameters=7, stored_bytes=28, source=f"{process}.json",
        )
        for process in range(processes)
        for method, pace in (("tip", 1.0), ("xm", 3.0))
    ]  # fmt: skip


def test_costs_are_medians_and_means_over_processes() -> None:
    told = {n.number_id.rpartition("-/")[2]: n for n in cost_numbers(times(), STATISTICS) if n.cell == "xm"}
    assert told["latency_answer"].value == 3.0 and told["latency_answer"].ci_low <= 3.0
    assert told["training_seconds"].value == 4.5 and told["memory_bytes"].value == 28
    with pytest.raises(UserError, match="xm was not timed in every process"):
        cost_numbers(times()[:-1], STATISTICS)


def test_the_job_writes_all_of_it(answers: list[Path], tmp_path: Path) -> None:
    fits = tmp_path / "fits.json"
    fits.write_text("[]")
    shots = [path.with_name("shots.json") for path in answers]
    for place, path in enumerate(shots):
        path.write_text(json.dumps({"classes": 2, "images": {"1": ["a", f"b{place}"]}}))
    clock = tmp_path / "0.json"
    clock.write_text(json.dumps([time.model_dump() for time in times(1)]))
    room, out = ROOM.model_dump(mode="json"), tmp_path / "numbers.parquet"
    statistics = STATISTICS.model_dump(mode="json")
    parameters = {"room": room, "statistics": statistics, "target": "flat", "model": "towers"}
    main(answers, [fits], shots, [clock], out, {"parameters": parameters})
    found = read_numbers(out)
    assert {number.cell for number in found} == {*RATES, "chance", "-"}
    told = {number.number_id: number.value for number in found}
    at = "few_shot/-/s*/line/train/1-shot/image_to_text/"
    assert told[at + "shots_shared"] == 0.5 and told[at + "images_per_class"] == 1.0
