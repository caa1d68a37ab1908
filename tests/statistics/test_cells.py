"""What is measured of every cell, checked against plain averages."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal.errors import UserError
from crossmodal.statistics.card import AdapterCard, ValidationRecall
from crossmodal.statistics.cells import (
    by_split,
    cell_numbers,
    cells_of,
    retrieval_record,
    subset_numbers,
    validation_numbers,
)
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Panel, Result
from crossmodal.statistics.records import CellFacts
from crossmodal.statistics.settings import StatisticsParameters
from query_results import CAPTIONS, IMAGES, queries_of, write_result

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
CELLS = {cell: CellFacts(dataset="openmoji", method="x") for cell in ("zero-shot", "full", "lora-r8")}


def of(results=(), cards=(), cells=CELLS) -> dict[str, Number]:
    return {number.number_id: number for number in cell_numbers(results, cards, cells, STATISTICS)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int, str], Result]:
    folder = tmp_path_factory.mktemp("study")
    found = [write_result(folder, "peft", "zero-shot", 0, "openmoji", "clean", 0.3)]
    for seed in (0, 1):
        found.append(write_result(folder, "peft", "full", seed, "openmoji", "clean", 0.8))
        found.append(write_result(folder, "peft", "full", seed, "fluent", "clean", 0.4, labels=range(20, 60)))
    return {(r.record.cell, r.record.seed, r.record.dataset): r for r in found}


@pytest.fixture(scope="module")
def numbers(results) -> dict[str, Number]:
    return of(list(results.values()))


def test_quality_is_the_mean_over_queries(results, numbers) -> None:
    for seed in (0, 1):
        rows = queries_of(results["full", seed, "openmoji"], "text_to_image")
        number = numbers[f"peft/full/s{seed}/openmoji/test/clean/text_to_image/recall@1"]
        assert number.value == pytest.approx(rows["recall@1"].mean())
        assert number.ci_low < number.value < number.ci_high
        assert number.n_queries == IMAGES * CAPTIONS and number.unit == "fraction"
        assert number.source == str(results["full", seed, "openmoji"].record.path)


def test_aggregates_over_seeds(numbers) -> None:
    place = "openmoji/test/clean/image_to_text"
    values = [numbers[f"peft/full/s{seed}/{place}/recall@1"].value for seed in (0, 1)]
    assert numbers[f"peft/full/s*/{place}/recall@1"].value == pytest.approx(np.mean(values))
    assert numbers[f"peft/full/s*/{place}/recall@1_std"].value == pytest.approx(np.std(values, ddof=1))
    assert numbers[f"peft/zero-shot/s*/{place}/recall@1_std"].value is None
    one, both = (numbers[f"peft/full/{s}/{place}/recall@1"] for s in ("s0", "s*"))
    assert (one.n_seeds, both.n_seeds) == (1, 2)
    assert both.ci_low < min(values) and max(values) < both.ci_high, "it covers what the seeds gave"


def test_the_mean_of_both_directions_is_a_number_of_its_own(numbers) -> None:
    for dataset in ("openmoji", "fluent"):
        mean = numbers[f"peft/full/s*/{dataset}/test/clean/mean/recall@1"]
        parts = [
            numbers[f"peft/full/s*/{dataset}/test/clean/{d}/recall@1"]
            for d in ("text_to_image", "image_to_text")
        ]
        assert mean.value == pytest.approx(np.mean([part.value for part in parts]))


def test_recall_by_concept_is_that_of_images_that_ask(results, numbers) -> None:
    """Of clean sets, in one direction; a file of truncated lists has none."""
    found = {n.metric for n in numbers.values() if n.metric.startswith("concept")}
    assert found == set()
    table = queries_of(results["full", 0, "openmoji"], "image_to_text")
    assert table["concept_recall@1"].isna().all(), "made-up results rank no whole gallery"


def test_a_part_of_the_queries_has_numbers_of_its_own(results, tmp_path: Path) -> None:
    groups = {f"openmoji-{i}": "flags" if i < 10 else "food" for i in range(IMAGES)}
    file = tmp_path / "groups.parquet"
    pq.write_table(pa.table({"image_id": list(groups), "group": list(groups.values())}), file)
    subsets = {
        "flags": {"groups": ["flags"], "exclude": False},
        "others": {"groups": ["flags"], "exclude": True},
        "all": {"groups": ["flags", "food"], "exclude": False},
        "none": {"groups": ["cars"], "exclude": False},
    }
    found = {
        n.number_id: n
        for n in subset_numbers(list(results.values()), "openmoji", [file], subsets, STATISTICS)
    }
    assert all(n.source.endswith(f";{file}") for n in found.values()), "they rest on who is of which group"
    assert {n.variant for n in found.values()} == {"clean@flags", "clean@others"}
    assert {n.dataset for n in found.values()} == {"openmoji"} and {n.seed for n in found.values()} == {"*"}
    rows = [queries_of(results["full", seed, "openmoji"], "text_to_image") for seed in (0, 1)]
    for name, keep in (("flags", "flags"), ("others", "food")):
        place = f"openmoji/test/clean@{name}/text_to_image"
        own = [r[[groups[c] == keep for c in r["cluster"]]] for r in rows]
        number = found[f"peft/full/s*/{place}/recall@1"]
        assert number.value == pytest.approx(np.mean([r["recall@1"].mean() for r in own]))
        assert number.n_queries == len(own[0]) and number.ci_low is not None
        share = found[f"peft/-/s*/{place}/queries_share"]
        assert share.value == pytest.approx(len(own[0]) / len(rows[0]))
    assert "peft/full/s*/openmoji/test/clean@flags/mean/recall@1" in found
    assert subset_numbers(list(results.values()), "openmoji", [], subsets, STATISTICS) == []


def test_nothing_is_compared(numbers) -> None:
    """What a study compares with what is for its experiments to say."""
    words = (
        "retention",
        "normalised_gain",
        "difference",
        "p_value",
        "degradation",
        "loss",
        "saved",
        "pareto",
    )
    assert not [name for name in numbers if name.rpartition("/")[2].startswith(words)]


def test_the_same_numbers_twice_and_no_result_twice(results) -> None:
    one = results["full", 0, "openmoji"]
    assert of([one]) == of([one])
    with pytest.raises(UserError, match="second result"):
        of([one, one])
    with pytest.raises(UserError, match=r"full-0-openmoji-clean.parquet: a second result for peft full 0"):
        Panel([one, results["full", 1, "openmoji"], one], STATISTICS)


def test_parameters(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps({"cell": "full", "seed": "0", "trainable": 1000, "total": 1000, "share": 1.0}))
    cards = AdapterCard.read(path) + [
        AdapterCard(
            cell="lora-r8", seed=seed, trainable=10, total=1000, towers={"image": 6, "text": 4},
            seconds=2.0 + seed,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    cards[0] = cards[0].model_copy(update={"token_embeddings": 600})
    numbers = of(cards=cards)
    place = "peft/lora-r8/s*/-/-/-/-/"
    assert numbers[f"{place}parameters_trainable"].value == 10
    assert numbers[f"{place}parameters_trainable_text"].value == 4
    assert numbers[f"{place}training_seconds"].value == 2.5
    assert numbers["peft/full/s0/-/-/-/-/token_embeddings_share"].value == 0.6
    assert numbers["peft/full/s0/-/-/-/-/parameters_share"].source == str(path)
    assert "peft/full/s*/-/-/-/-/training_seconds" not in numbers, "the card of `full` does not say"


def card(cell: str, seed: int, clean: float, robust: float | None = None) -> AdapterCard:
    recall = {"text_to_image": clean, "image_to_text": clean, "mrr": clean + 0.1}
    if robust is not None:
        recall |= {"robust_text_to_image": robust, "robust_image_to_text": robust}
    return AdapterCard(
        cell=cell, seed=seed, trainable=10, total=100, validation=ValidationRecall(**recall),
        source=f"{cell}-{seed}.json",
    )  # fmt: skip


def test_validation_recall_is_the_mean_of_directions_and_seeds() -> None:
    cells = {
        "lora-r8": CellFacts(dataset="openmoji", method="lora"),
        "lora-r8-pgd": CellFacts(dataset="openmoji", method="lora", adversarial=True),
        "old": CellFacts(dataset="openmoji", method="full", adversarial=True),
    }
    cards = [
        card("lora-r8", 0, 0.5), card("lora-r8", 1, 0.7),
        card("lora-r8-pgd", 0, 0.5, 0.2), card("lora-r8-pgd", 1, 0.6, 0.3),
        AdapterCard(cell="old", seed=0, trainable=100, total=100),
    ]  # fmt: skip
    numbers = of(cards=cards, cells=cells)
    place = "peft/{}/{}/openmoji/val/clean/mean/{}"
    assert numbers[place.format("lora-r8-pgd", "s1", "validation_recall@1")].value == 0.6
    assert numbers[place.format("lora-r8-pgd", "s*", "validation_recall@1")].value == pytest.approx(0.55)
    assert numbers[place.format("lora-r8", "s1", "validation_mrr")].value == pytest.approx(0.8)
    assert numbers[place.format("lora-r8", "s*", "validation_mrr")].value == pytest.approx(0.7)
    assert numbers[place.format("lora-r8-pgd", "s*", "validation_recall@1")].source == (
        "lora-r8-pgd-0.json;lora-r8-pgd-1.json"
    )
    assert not [name for name in numbers if "robust" in name], "each cell's own attack compares nothing"
    assert not [name for name in numbers if name.startswith("peft/old/") and "validation" in name]
    assert validation_numbers(cards, {}) == [], "of cells that the study does not have nothing is said"


def test_a_result_is_known_by_its_place() -> None:
    path = Path("results/x/evaluation/lora-r8/s12/openmoji/test/fog-3/queries.parquet")
    record = retrieval_record(path, "robustness")
    assert (record.cell, record.seed, record.dataset, record.split, record.variant) == (
        "lora-r8", 12, "openmoji", "test", "fog-3",
    )  # fmt: skip
    assert (record.experiment, retrieval_record(path).experiment) == ("robustness", "peft")


def test_what_can_be_resampled_together_stays_together(results) -> None:
    groups = list(by_split(list(results.values())))
    assert [{r.record.dataset for r in group} for group in groups] == [{"openmoji"}, {"fluent"}]
    assert [cells_of(group) for group in groups] == [["zero-shot", "full"], ["full"]]
