"""What is measured of every cell, whatever a study asks: recall on clean test sets, costs, validation recall."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.comparisons import quality
from crossmodal.statistics.costs import average, parameter_numbers
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.panel import Panel, Result
from crossmodal.statistics.queries import DIRECTIONS
from crossmodal.statistics.records import CellFacts, QueryRecord, distinct
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.subsets import Subsets, on_subset, on_subsets, read_groups, share_numbers


def cell_numbers(
    results: Sequence[Result],
    cards: Sequence[AdapterCard],
    cells: Mapping[str, CellFacts],
    parameters: StatisticsParameters,
) -> list[Number]:
    """Return quality on each clean test set, parameters, training times and validation recalls of every cell."""
    return [
        *recall_numbers(results, parameters),
        *parameter_numbers(cards),
        *validation_numbers(cards, cells),
    ]


def recall_numbers(results: Sequence[Result], parameters: StatisticsParameters) -> list[Number]:
    """Return quality on each clean test set of every cell."""
    numbers: list[Number] = []
    for group in by_split(results):
        panel = Panel(group, parameters)
        dataset, split = group[0].record.dataset, group[0].record.split
        for cell in cells_of(group):
            place = Place("peft", cell, dataset, split, "-", "-")
            numbers += quality(place, panel.measure(cell), parameters.level)
    return numbers


def subset_numbers(
    results: Sequence[Result],
    target: str,
    groups: Sequence[Path],
    subsets: Subsets,
    parameters: StatisticsParameters,
) -> list[Number]:
    """Return recall of every cell on subsets of the clean test set of `target`, and the share of their queries.

    `groups` are the files of its images' groups; the variant is `clean@<subset>`, gallery whole (see `subsets`).
    """
    numbers: list[Number] = []
    for name, whole, part in on_subsets(results, target, read_groups(groups), subsets):
        numbers += share_numbers(name, whole, part, groups)
        numbers += on_subset(recall_numbers(part, parameters), name, ("recall@", "concept_recall@"), groups)
    return numbers


def retrieval_record(path: Path, experiment: str = "peft") -> QueryRecord:
    """Return what a result is of, read from its place: .../<cell>/s<seed>/<dataset>/<split>/<variant>/<file>."""
    cell, seed, dataset, split, variant = path.parts[-6:-1]
    return QueryRecord(
        experiment=experiment, cell=cell, seed=int(seed[1:]), dataset=dataset, split=split, variant=variant,
        path=path,
    )  # fmt: skip


def by_split(results: Sequence[Result]) -> Iterable[list[Result]]:
    """Yield the results on each split of each dataset: what can be resampled together."""
    for key in dict.fromkeys((r.record.dataset, r.record.split) for r in results):
        yield [r for r in results if (r.record.dataset, r.record.split) == key]


def cells_of(results: Sequence[Result]) -> list[str]:
    """Return the cells that `results` are of."""
    return distinct([result.record for result in results], "cell")


def validation_numbers(cards: Sequence[AdapterCard], cells: Mapping[str, CellFacts]) -> list[Number]:
    """Return recall@1 and MRR on validation data, means of both directions, by seed and as the mean `s*`.

    `validation_recall@1`, unattacked, and `validation_mrr`. Nothing for cards without validation. What a cell's
    own adversary measured while it trained is not comparable between cells and is no number.
    """
    numbers = []
    for cell in distinct(cards, "cell"):
        if cell not in cells:
            continue
        place = Place("peft", cell, cells[cell].dataset, "val", "clean", "mean")
        own = [card for card in cards if card.cell == cell]
        groups = [(str(card.seed), [card]) for card in own] + [(ALL_SEEDS, own)]
        measures = {"validation_recall@1": validation_recall, "validation_mrr": validation_mrr}
        for metric, measure in measures.items():
            for seed, group in groups:
                value = measure(group)
                if value is not None:
                    sources = [card.source for card in group]
                    numbers.append(place.plain(seed, metric, value, "fraction", sources))
    return numbers


def validation_recall(cards: Sequence[AdapterCard]) -> float | None:
    """Return the mean over cards and directions of recall@1, None unless every card has all of them."""
    values = [getattr(card.validation, name, None) for card in cards for name in DIRECTIONS]
    known = [value for value in values if value is not None]
    return average(known) if known and len(known) == len(values) else None


def validation_mrr(cards: Sequence[AdapterCard]) -> float | None:
    """Return the mean over cards of the mean reciprocal rank, None unless every card has one."""
    known = [card.validation.mrr for card in cards if card.validation and card.validation.mrr is not None]
    return average(known) if known and len(known) == len(cards) else None
