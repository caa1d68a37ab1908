"""Numbers of H1, checked against plain averages and a loop over resamples."""

from pathlib import Path

import numpy as np
import pytest

from crossmodal.experiments.peft.numbers import peft_numbers, retained
from crossmodal.experiments.peft.params import Params, Roles
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.cells import cell_numbers
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Result
from crossmodal.statistics.records import CellFacts
from crossmodal.statistics.settings import StatisticsParameters
from query_results import IMAGES, queries_of, write_result

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
SECOND = Roles(cell="lora-f", reference="full-f", baseline="zero-shot")
ROLES = Params(cell="lora-r8", reference="full", baseline="zero-shot", elsewhere={"fluent": SECOND})
CELLS = {
    **{cell: CellFacts(dataset="openmoji", method=cell) for cell in ("zero-shot", "full", "lora-r8")},
    **{cell: CellFacts(dataset="fluent", method=cell) for cell in ("full-f", "lora-f")},
}


def of(results: list[Result], cards=(), roles: Params = ROLES, cells=CELLS) -> dict[str, Number]:
    """Return by id the numbers of H1 and, beside them, those of every cell."""
    found = [
        *cell_numbers(results, cards, cells, STATISTICS),
        *peft_numbers(results, cards, [], "openmoji", cells, roles, STATISTICS),
    ]
    assert len({number.number_id for number in found}) == len(found)
    return {number.number_id: number for number in found}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int, str], Result]:
    folder = tmp_path_factory.mktemp("study")
    found = [
        write_result(folder, "peft", "zero-shot", 0, "openmoji", "clean", 0.3),
        write_result(folder, "peft", "zero-shot", 0, "fluent", "clean", 0.2),
    ]
    for seed in (0, 1):
        for cell, rate in (("full", 0.8), ("lora-r8", 0.75)):
            found += [
                write_result(folder, "peft", cell, seed, "openmoji", "clean", rate),
                write_result(folder, "peft", cell, seed, "fluent", "clean", 0.4, labels=range(20, 60)),
            ]
    for cell, rate in (("full-f", 0.6), ("lora-f", 0.5)):
        found += [
            write_result(folder, "peft", cell, 0, dataset, "clean", rate)
            for dataset in ("openmoji", "fluent")
        ]
    return {(r.record.cell, r.record.seed, r.record.dataset): r for r in found}


@pytest.fixture(scope="module")
def numbers(results) -> dict[str, Number]:
    return of(list(results.values()))


def test_retention_is_paired(results, numbers) -> None:
    """The interval is that of a loop over resamples that draws images for all cells at once."""
    sums = {
        cell: queries_of(results[cell, 0, "openmoji"], "text_to_image").groupby("cluster")["recall@1"].sum()
        for cell in ("lora-r8", "full", "zero-shot")
    }
    weights = Resampler(IMAGES, 400, 5).weights  # clusters in sorted order, as groupby has them
    ratios, gains = [], []
    for row in weights:
        cell, full, zero = (float((row * sums[name]).sum()) for name in ("lora-r8", "full", "zero-shot"))
        ratios.append(cell / full)
        gains.append((cell - zero) / (full - zero))
    for name, samples in (("retention_recall@1", ratios), ("normalised_gain_recall@1", gains)):
        number = numbers[f"peft/lora-r8/s0/openmoji/test/clean/text_to_image/{name}"]
        assert (number.ci_low, number.ci_high) == pytest.approx(
            np.quantile(samples, [0.025, 0.975]), rel=1e-4
        )
    both = [
        numbers[f"peft/lora-r8/s*/openmoji/test/clean/{d}/retention_recall@5"].value
        for d in ("text_to_image", "image_to_text", "mean")
    ]
    assert both[2] == pytest.approx((both[0] + both[1]) / 2)
    place = "peft/lora-r8/s*/openmoji/test/clean/mean"
    assert numbers[f"{place}/difference_recall@1"].value < 0
    assert 0 < numbers[f"{place}/p_value_recall@1"].value <= 1
    assert "peft/full/s*/openmoji/test/clean/mean/retention_recall@1" not in numbers
    assert "peft/zero-shot/s*/openmoji/test/clean/mean/retention_recall@1" in numbers
    assert "peft/zero-shot/s*/openmoji/test/clean/mean/normalised_gain_recall@1" not in numbers


def test_retention_is_of_the_reference_with_the_same_target(numbers) -> None:
    place = "peft/{}/s*/fluent/test/clean/{}/{}"
    for direction in ("text_to_image", "image_to_text"):
        cell, reference, zero = (
            numbers[place.format(c, direction, "recall@1")].value for c in ("lora-f", "full-f", "zero-shot")
        )
        assert numbers[place.format("lora-f", direction, "retention_recall@1")].value == pytest.approx(
            cell / reference
        )
        gain = numbers[place.format("lora-f", direction, "normalised_gain_recall@1")].value
        assert gain == pytest.approx((cell - zero) / (reference - zero))
    assert place.format("full-f", "mean", "retention_recall@1") not in numbers
    mean = numbers["peft/full/s*/openmoji/test/clean/mean/recall@1"]
    parts = [
        numbers[f"peft/full/s*/openmoji/test/clean/{d}/recall@1"] for d in ("text_to_image", "image_to_text")
    ]
    assert mean.value == pytest.approx(np.mean([part.value for part in parts]))


def test_the_reference_beside_itself_says_what_could_be_seen(numbers) -> None:
    place = "peft/full/s*/openmoji/test/clean/{}/{}"
    for direction in ("text_to_image", "image_to_text", "mean"):
        kept = numbers[place.format(direction, "aa_retention_recall@1")]
        assert kept.ci_low < 1 < kept.ci_high and kept.n_seeds == 2
        assert numbers[place.format(direction, "aa_difference_recall@1")].ci_low < 0
        smallest = numbers[place.format(direction, "smallest_visible_recall@1")]
        assert smallest.value > 1 - kept.ci_low and smallest.ci_low is None
    assert not [n for n in numbers if n.startswith("peft/full-f/") and "/aa_" in n], "it has one seed"
    assert not [n for n in numbers if n.startswith("peft/lora-r8/") and "/aa_" in n]


def test_the_gain_of_the_reference_is_a_number(numbers) -> None:
    place = "peft/{}/s*/openmoji/test/clean/{}/{}"
    for direction in ("text_to_image", "image_to_text", "mean"):
        full, zero = (numbers[place.format(c, direction, "recall@1")].value for c in ("full", "zero-shot"))
        gain = numbers[place.format("full", direction, "gain_recall@1")]
        assert gain.value == pytest.approx(full - zero) and gain.ci_low is not None
        assert gain.n_seeds == 2, "zero-shot is not trained: its one seed does not count"
    assert numbers[place.format("lora-r8", "mean", "retention_recall@1")].n_seeds == 2
    assert numbers["peft/lora-f/s*/fluent/test/clean/mean/retention_recall@1"].n_seeds == 1


def test_what_is_claimed_has_a_p_value(numbers) -> None:
    found = {n.number_id for n in numbers.values() if n.metric.startswith("p_claim")}
    place = "peft/{}/s*/{}/test/clean/mean/p_claim_retention_recall@{}"
    assert found == {
        place.format(cell, dataset, k)
        for cell, dataset in (("lora-r8", "openmoji"), ("lora-f", "fluent"))
        for k in (1, 5)
    }
    assert all(0 < numbers[name].value <= 1 for name in found)


def test_a_gain_without_an_interval_is_undefined(tmp_path: Path) -> None:
    """Where full fine-tuning may have gained nothing, a share of its gain is no figure to be quoted."""
    rates = (("zero-shot", 0.5), ("full", 0.5), ("lora-r8", 0.6))
    numbers = of([write_result(tmp_path, "peft", c, 0, "openmoji", "clean", rate) for c, rate in rates])
    gains = [n for n in numbers.values() if n.metric.startswith("normalised_gain") and n.seed == "*"]
    assert gains and all(
        n.value is None or n.ci_low is not None for n in gains if not n.metric.endswith("_std")
    )
    assert any(n.value is None for n in gains)


def test_a_model_that_finds_nothing_has_no_ratio(tmp_path: Path) -> None:
    numbers = of(
        [
            write_result(tmp_path, "peft", cell, 0, "openmoji", "clean", rate)
            for cell, rate in (("full", 0.0), ("lora-r8", 0.2))
        ]
    )
    found = numbers["peft/lora-r8/s*/openmoji/test/clean/mean/retention_recall@1"]
    assert (found.value, found.ci_low) == (None, None)


def test_without_a_reference_or_a_baseline_their_numbers_are_left_out(results) -> None:
    metrics = {n.metric for n in of(list(results.values()), roles=Params(baseline="zero-shot")).values()}
    assert not [m for m in metrics if m.startswith(("retention", "normalised_gain", "difference", "p_value"))]
    without = of(list(results.values()), roles=ROLES.model_copy(update={"baseline": None, "elsewhere": {}}))
    metrics = {n.metric for n in without.values()}
    assert "retention_recall@1" in metrics and "normalised_gain_recall@1" not in metrics


def test_the_frontier_is_of_the_cells_that_are_adapted_to_the_target(results) -> None:
    kept, recalls = retained(list(results.values()), "openmoji", CELLS, ROLES, STATISTICS)
    assert list(recalls) == ["zero-shot", "full", "lora-r8"] and kept
    cards = [
        AdapterCard(cell=cell, seed=0, trainable=n, total=1000)
        for cell, n in (("zero-shot", 0), ("full", 1000), ("lora-r8", 10), ("lora-f", 1))
    ]
    numbers = of(list(results.values()), cards)
    frontier = {n.cell: n.value for n in numbers.values() if n.metric == "pareto_parameters"}
    assert frontier.keys() == {"zero-shot", "full", "lora-r8"} and frontier["zero-shot"] == 1
    assert recalls["full"].value == numbers["peft/full/s*/openmoji/test/clean/mean/recall@1"].value


def test_parameters_that_are_saved() -> None:
    cards = [
        AdapterCard(
            cell="full",
            seed=0,
            trainable=400,
            trainable_nominal=1000,
            total=1000,
            token_embeddings=700,
            source="full.json",
        ),
        *(AdapterCard(cell="lora-r8", seed=seed, trainable=10, total=1000) for seed in (0, 1)),
        AdapterCard(cell="full-f", seed=0, trainable=500, total=1000),
        AdapterCard(cell="lora-f", seed=0, trainable=10, total=1000),
    ]
    numbers = of([], cards)
    place = "peft/lora-r8/s*/-/-/-/-/"
    saved = numbers[f"{place}saved_parameters"]
    assert saved.value == saved.ci_low == saved.ci_high == 1 - 10 / 400
    assert "full.json" in saved.source
    assert numbers[f"{place}saved_parameters_nominal"].value == 0.99
    trained = "peft/full/s*/-/-/-/-/parameters_trainable"
    assert (numbers[trained].value, numbers[f"{trained}_nominal"].value) == (400, 1000)
    own = numbers["peft/lora-f/s*/-/-/-/-/saved_parameters"].value
    assert own == pytest.approx(1 - 10 / 500), "beside the reference of its own dataset"
    for metric in ("saved_parameters", "saved_parameters_nominal"):
        assert numbers[f"peft/full/s*/-/-/-/-/{metric}"].value == 0
    assert not [n for n in of([], cards, roles=Params()) if "saved" in n], "beside nobody nothing is saved"
