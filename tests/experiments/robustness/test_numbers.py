"""Numbers of H2: degradation by severity, by modality, of cells with a target of their own, and under attack."""

import json
from pathlib import Path

import numpy as np
import pytest

from crossmodal.experiments.robustness.claims import SAVED
from crossmodal.experiments.robustness.numbers import attacked_numbers, main, shift_numbers
from crossmodal.experiments.robustness.params import Pair
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.experiments.robustness.summaries import summaries
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.cells import cell_numbers
from crossmodal.statistics.numbers import Number, read_numbers
from crossmodal.statistics.panel import Result
from crossmodal.statistics.records import CellFacts
from crossmodal.statistics.settings import StatisticsParameters
from query_results import queries_of, write_result

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
CELLS = {
    "full": CellFacts(dataset="openmoji", method="full"),
    "full-f": CellFacts(dataset="fluent", method="full"),
    "lora-f": CellFacts(dataset="fluent", method="lora"),
}
SHIFTS = {
    "noise-1": ShiftFacts(kind="gaussian_noise", severity=1),
    "fog-3": ShiftFacts(kind="fog", severity=3),
    "noise-3": ShiftFacts(kind="gaussian_noise", severity=3),
    "low": ShiftFacts(kind="resolution"),
    "typos-3": ShiftFacts(kind="typos", severity=3, modality="texts"),
    "case": ShiftFacts(kind="letter_case", modality="texts"),
}


def of(results: list[Result], cells=CELLS, shifts=SHIFTS) -> dict[str, Number]:
    """Return by id the numbers of H2 and, beside them, those of every cell on clean sets."""
    clean = [result for result in results if result.record.variant == "clean"]
    found = [
        *cell_numbers(clean, [], cells, STATISTICS),
        *shift_numbers(results, "openmoji", cells, shifts, STATISTICS),
    ]
    assert len({number.number_id for number in found}) == len(found), "no experiment says what another says"
    return {number.number_id: number for number in found}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, int, str, str], Result]:
    """Two seeds of one cell that is adapted to openmoji, as a study has it that says nothing of its cells."""
    folder = tmp_path_factory.mktemp("plain")
    found = []
    for seed in (0, 1):
        found += [
            write_result(folder, "peft", "full", seed, "openmoji", "clean", 0.8),
            write_result(folder, "peft", "full", seed, "fluent", "clean", 0.4, labels=range(20, 60)),
            write_result(folder, "robustness", "full", seed, "openmoji", "noise", 0.6),
            write_result(folder, "robustness", "full", seed, "openmoji", "jpeg", 0.5),
        ]
    return {
        (r.record.experiment, r.record.cell, r.record.seed, r.record.dataset, r.record.variant): r
        for r in found
    }


def test_degradation_of_shifts(plain) -> None:
    numbers = of(list(plain.values()), {}, {})
    place = "{}/full/s1/openmoji/test/{}/text_to_image/{}recall@1"
    clean = numbers[place.format("peft", "clean", "")].value
    lost = {}
    for variant in ("noise", "jpeg"):
        shifted = numbers[place.format("robustness", variant, "")].value
        lost[variant] = numbers[place.format("robustness", variant, "degradation_")].value
        assert lost[variant] == pytest.approx((clean - shifted) / clean)
    place = "robustness/full/s1/openmoji/test/shifts-{}/text_to_image/degradation_recall@1"
    assert numbers[place.format("mean")].value == pytest.approx(np.mean(list(lost.values())))
    assert numbers[place.format("worst")].value == max(lost.values())
    place = "robustness/full/s*/openmoji/test/shifts-mean/{}/degradation_recall@10"
    parts = [numbers[place.format(d)].value for d in ("text_to_image", "image_to_text", "mean")]
    assert parts[2] == pytest.approx((parts[0] + parts[1]) / 2)


def test_a_model_that_finds_nothing_has_no_ratio(tmp_path: Path) -> None:
    numbers = of(
        [
            write_result(tmp_path, "peft", "full", 0, "openmoji", "clean", 0.0),
            write_result(tmp_path, "robustness", "full", 0, "openmoji", "noise", 0.0),
        ]
    )
    found = numbers["robustness/full/s*/openmoji/test/noise/mean/degradation_recall@1"]
    assert (found.value, found.ci_low) == (None, None)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Number]:
    folder = tmp_path_factory.mktemp("study")
    results = [write_result(folder, "peft", "zero-shot", 0, "fluent", "clean", 0.2)]
    for cell, home in (("full", 0.8), ("full-f", 0.6), ("lora-f", 0.5)):
        for dataset in ("openmoji", "fluent"):
            results.append(write_result(folder, "peft", cell, 0, dataset, "clean", home))
        for place, shift in enumerate(SHIFTS) if cell != "lora-f" else ():
            results.append(write_result(folder, "robustness", cell, 0, "openmoji", shift, 0.7 - 0.1 * place))
    return of(results)


def lost(numbers, variant, direction="mean"):
    return numbers[f"robustness/full/s*/openmoji/test/{variant}/{direction}/degradation_recall@1"]


def test_summaries_are_over_the_shifts_that_they_name(numbers):
    """Of a kind first: noise counts once, though it was measured at two severities."""
    single = {shift: lost(numbers, shift).value for shift in SHIFTS}
    noise = np.mean([single["noise-1"], single["noise-3"]])
    assert lost(numbers, "shifts-mean").value == pytest.approx(
        np.mean([noise, single["fog-3"], single["low"]])
    )
    for name, over in (
        ("kind-gaussian-noise-mean", ("noise-1", "noise-3")),
        ("severity-3-mean", ("fog-3", "noise-3")),
        ("text-shifts-mean", ("typos-3", "case")),
    ):
        assert lost(numbers, name).value == pytest.approx(np.mean([single[shift] for shift in over]))
        assert lost(numbers, name).ci_low < lost(numbers, name).value < lost(numbers, name).ci_high
    assert not any("/severity-1-mean/" in name for name in numbers), "one kind has that severity"
    for name, over in (
        ("shifts-worst", ("kind-gaussian-noise-mean", "fog-3", "low")),
        ("text-shifts-worst", ("typos-3", "case")),
    ):
        by_direction = lost(numbers, name, direction="text_to_image").value
        assert by_direction == max(lost(numbers, s, direction="text_to_image").value for s in over)
    kinds = numbers["robustness/full/s*/openmoji/test/shifts-mean/-/kinds"]
    assert (kinds.value, kinds.unit) == (3, "count") and kinds.source
    assert numbers["robustness/full/s*/openmoji/test/text-shifts-mean/-/kinds"].value == 2


def test_twins_are_compared_query_by_query(tmp_path: Path) -> None:
    """The difference is that of both cells' degradations; a cell and itself differ in nothing."""
    results = []
    for cell, seeds, rates in (("full", (0, 1), (0.8, 0.4, 0.5)), ("full-pgd", (0,), (0.7, 0.6, 0.6))):
        for seed in seeds:
            results.append(write_result(tmp_path, "peft", cell, seed, "openmoji", "clean", rates[0]))
            for shift, rate in zip(("fog-3", "noise-1"), rates[1:], strict=True):
                results.append(write_result(tmp_path, "robustness", cell, seed, "openmoji", shift, rate))
    pairs = {
        "twins": Pair(standard="full", adversarial="full-pgd"),
        "same": Pair(standard="full", adversarial="full"),
    }
    cells = CELLS | {"full-pgd": CellFacts(dataset="openmoji", method="full", adversarial=True)}
    found = shift_numbers(results, "openmoji", cells, SHIFTS, STATISTICS, pairs)
    numbers = {n.number_id: n for n in found}
    assert len(numbers) == len(found)

    def at(cell: str, variant: str, metric: str, seed: str = "*", direction: str = "mean") -> Number:
        return numbers[f"robustness/{cell}/s{seed}/openmoji/test/{variant}/{direction}/{metric}"]

    for variant in ("fog-3", "noise-1", "shifts-mean", "shifts-worst"):
        for seed, direction in (("*", "mean"), ("0", "mean"), ("*", "text_to_image")):
            ours, theirs = (
                at(c, variant, "degradation_recall@1", seed, direction) for c in ("full-pgd", "full")
            )
            saved = at("full-pgd", variant, SAVED, seed, direction)
            assert saved.value == pytest.approx(theirs.value - ours.value)
            assert saved.ci_low < saved.value < saved.ci_high
    assert "robustness/full-pgd/s1/openmoji/test/fog-3/mean/degradation_difference_recall@1" not in numbers
    assert at("full-pgd", "fog-3", SAVED).value > 0.2
    assert at("full-pgd", "fog-3", f"p_value_{SAVED}").value < 0.05

    def left(cell: str, variant: str, direction: str) -> float:
        return numbers[f"robustness/{cell}/s*/openmoji/test/{variant}/{direction}/recall@1"].value

    fog, noise = (
        [left(c, v, d) for c in ("full-pgd", "full") for d in ("text_to_image", "image_to_text")]
        for v in ("fog-3", "noise-1")
    )
    gained = at("full-pgd", "shifts-mean", "difference_recall@1")
    assert left("full", "shifts-mean", "mean") == pytest.approx(np.mean([*fog[2:], *noise[2:]]))
    assert gained.value == pytest.approx(np.mean([*fog[:2], *noise[:2]]) - np.mean([*fog[2:], *noise[2:]]))
    same = at("full", "shifts-mean", SAVED)
    assert (same.value, same.ci_low, same.ci_high) == (0, 0, 0), "the draws are the same"
    assert at("full", "shifts-mean", f"p_value_{SAVED}").value == 1


def test_the_difference_is_that_of_the_slow_way(tmp_path: Path) -> None:
    """Each resample of images: recall of both cells, clean and shifted, query by query."""
    recalls, rates = (
        {},
        {("full", "clean"): 0.8, ("full", "fog-3"): 0.4, ("pgd", "clean"): 0.7, ("pgd", "fog-3"): 0.6},
    )
    results = []
    for (cell, variant), rate in rates.items():
        kind = "peft" if variant == "clean" else "robustness"
        result = write_result(tmp_path, kind, cell, 0, "openmoji", variant, rate)
        rows = queries_of(result, "text_to_image")
        recalls[cell, variant] = (rows["cluster"].to_numpy(), rows["recall@1"].to_numpy())
        results.append(result)
    names = sorted(set(recalls["full", "clean"][0]))
    weights = dict(zip(names, Resampler(len(names), 400, 5).weights.T, strict=True))
    lost = {}
    for cell in ("full", "pgd"):
        clean, shifted = (
            values @ (drawn := np.stack([weights[c] for c in clusters])) / drawn.sum(axis=0)
            for clusters, values in (recalls[cell, "clean"], recalls[cell, "fog-3"])
        )
        lost[cell] = (clean - shifted) / clean
    pairs = {"a": Pair(standard="full", adversarial="pgd")}
    found = shift_numbers(results, "openmoji", {}, SHIFTS, STATISTICS, pairs)
    [saved] = [
        n for n in found if n.number_id == f"robustness/pgd/s0/openmoji/test/fog-3/text_to_image/{SAVED}"
    ]
    quantiles = np.quantile(lost["full"] - lost["pgd"], [0.025, 0.975])
    assert (saved.ci_low, saved.ci_high) == pytest.approx(quantiles, abs=1e-5)


def test_no_degradation_is_made_of_a_dataset_that_is_not_the_cells_own(numbers, plain) -> None:
    """Other galleries hold other concepts; recall under a shift is reported all the same."""
    for found, cells in ((numbers, CELLS), (of(list(plain.values()), {}, {}), {})):
        own = {cell: facts.dataset for cell, facts in cells.items()}
        losses = [number for name, number in found.items() if "degradation_" in name]
        assert losses
        for number in losses:
            home = own.get(number.cell, "openmoji")
            assert number.dataset == home and number.variant != "clean", number.number_id
            assert all(f"-{home}-" in Path(file).name for file in number.source.split(";")), number.source
    assert not any("degradation_" in name for name in numbers if name.startswith("robustness/full-f/"))
    assert "robustness/full-f/s0/openmoji/test/noise-1/text_to_image/recall@1" in numbers
    assert "peft/full/s0/fluent/test/clean/mean/recall@1" in numbers


def test_attacks_are_compared_with_the_same_queries_unattacked(tmp_path: Path):
    results = [
        write_result(
            tmp_path, "attack", "full", seed, "openmoji", f"query-image-{epsilon}", rate, labels=range(10)
        )
        for seed in (0, 1)
        for epsilon, rate in (("0", 0.9), ("4of255", 0.4), ("8of255", 0.1))
    ]
    results.append(
        write_result(tmp_path, "attack", "full", 0, "openmoji", "text-0.1", 0.4)
    )  # without its reference
    numbers = {n.number_id: n for n in attacked_numbers(results, STATISTICS)}
    place = "attack/full/s1/openmoji/test/query-image-{}/image_to_text/{}"
    clean, attacked = (numbers[place.format(e, "recall@1")] for e in ("0", "4of255"))
    found = numbers[place.format("4of255", "degradation_recall@1")]
    assert found.value == pytest.approx((clean.value - attacked.value) / clean.value)
    assert found.ci_low < found.value < found.ci_high and clean.n_queries == 10
    assert place.format("0", "degradation_recall@1") not in numbers
    assert "attack/full/s*/openmoji/test/query-image-8of255/image_to_text/degradation_recall@1" in numbers
    assert not any("text-0.1" in name and "degradation" in name for name in numbers)


def test_the_job_knows_a_result_by_its_place(tmp_path: Path) -> None:
    def placed(experiment: str, variant: str, rate: float) -> Path:
        path = tmp_path / "evaluation" / "full" / "s3" / "openmoji" / "test" / variant / "queries.parquet"
        path.parent.mkdir(parents=True)
        return write_result(tmp_path, experiment, "full", 3, "openmoji", variant, rate).record.path.rename(
            path
        )

    sanity = tmp_path / "attacks" / "full" / "s3" / "sanity.json"
    sanity.parent.mkdir(parents=True)
    sanity.write_text('{"name": "text-one_step", "statement": "It is.", "passed": true}')
    unit = sanity.with_name("unit.json")
    unit.write_text('{"norm": 1.5, "table": 2.0, "tokens": 70}')
    robust = sanity.with_name("robust.json")
    names = ("text_to_image", "image_to_text", "clean_text_to_image", "clean_image_to_text")
    robust.write_text(json.dumps(dict(zip(names, (0.1, 0.3, 0.5, 0.6), strict=True))))
    facts = {"dataset": "openmoji", "model": "base", "method": "full", "adversarial": False}
    values = {
        "target": "openmoji",
        "cells": {"full": facts},
        "statistics": {"resamples": 50},
        "shifts": {},
        "room": {},
        "twins": {},
    }
    main(
        clean=[placed("peft", "clean", 0.8)],
        shifted=[placed("robustness", "noise", 0.4)],
        cards=[],
        attacked=[placed("attack", "text-0", 0.8), placed("attack", "text-0.1", 0.3)],
        sanity=[sanity],
        units=[unit],
        validated=[robust],
        numbers=tmp_path / "numbers.parquet",
        spec={"parameters": values},
    )
    values = {number.number_id: number.value for number in read_numbers(tmp_path / "numbers.parquet")}
    found = set(values)
    assert {
        "robustness/full/s3/openmoji/test/noise/text_to_image/recall@1",
        "robustness/full/s3/openmoji/test/noise/mean/degradation_recall@1",
        "attack/full/s3/openmoji/test/text-0.1/text_to_image/degradation_recall@1",
        "attack/full/s3/-/-/text-one_step/-/sanity_passed",
    } <= found
    place = "attack/full/s3/openmoji/train/clean/-/text_epsilon_"
    assert {name: values[place + name] for name in ("unit", "unit_ratio", "tokens")} == {
        "unit": 1.5, "unit_ratio": 0.75, "tokens": 70.0,
    }  # fmt: skip
    place = "peft/full/s{}/openmoji/val/clean/mean/validation_{}_recall@1"
    for seed in ("3", "*"):
        assert values.pop(place.format(seed, "robust")) == pytest.approx(0.2)
        assert values.pop(place.format(seed, "unattacked")) == pytest.approx(0.55)
    assert not [name for name in values if name.startswith("peft/")], "those are the numbers of every cell"


def test_a_control_has_no_part_in_the_means() -> None:
    facts = {
        name: ShiftFacts(kind=name, modality="texts", control=name == "capitals")
        for name in ("typos", "order", "capitals")
    }
    found = {summary.name: summary.kinds for summary in summaries(list(facts), facts)}
    assert found == {name: [["typos"], ["order"]] for name in ("text-shifts-mean", "text-shifts-worst")}
