"""Job: the numbers of continual learning: what was learnt, forgotten, kept, and what it took."""

from collections.abc import Mapping, Sequence

from crossmodal.experiments.continual.board import Board, Matrix, Run, SetKey, read_run
from crossmodal.experiments.continual.claims import claims
from crossmodal.experiments.continual.costs import ROOM, cost_numbers
from crossmodal.experiments.continual.matrix import ENDS, MEASURES, average_accuracy
from crossmodal.experiments.continual.params import BEFORE, JOINT, Params
from crossmodal.experiments.continual.records import SessionCard
from crossmodal.experiments.continual.retained import elsewhere_numbers, search_numbers
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.aa import another_run
from crossmodal.statistics.estimates import (
    Place,
    Seeds,
    aggregate,
    combine,
    difference,
    numbers_of,
    p_value_numbers,
)
from crossmodal.statistics.names import CHANCE
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.panel import CLEAN
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target, targets_of

COMPARED = ("average_accuracy", "forgetting")
"""What cells are compared by."""


def main(answers: Ins, searches: Ins, before: Ins, cards: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    room, target = Params.model_validate(values["room"]), values["target"]
    statistics = StatisticsParameters.model_validate(values["statistics"])
    runs, targets = [read_run(path) for path in answers], targets_of(claims(room, target, {}))
    found = session_numbers(runs, room, statistics, targets)
    found += elsewhere_numbers(runs, room, statistics)
    found += search_numbers(searches, before, values["models"], target, statistics)
    found += cost_numbers([card for path in cards for card in SessionCard.read(path)])
    write_numbers(numbers, found)


def session_numbers(
    runs: Sequence[Run],
    room: Params,
    statistics: StatisticsParameters,
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return accuracies, forgetting and transfer of each cell, the upper bound, comparisons, and another run.

    An order of the sessions stands where a training seed does: aggregates are over orders. Test and validation
    images have numbers of their own, so that settings can be chosen by the latter.
    """
    if not runs:
        return []
    board, level, last = Board(runs, statistics), statistics.level, room.count()
    numbers: list[Number] = []
    measured: dict[tuple[str, SetKey], dict[str, Seeds]] = {}
    for cell, plan in dict.fromkeys((one.cell, one.plan) for one in runs):
        own = [one for one in runs if (one.cell, one.plan) == (cell, plan)]
        for key in _learnt_sets(board, own, room):
            matrices = {str(one.order): board.accuracies(one, key) for one in own}
            seen = {str(one.order): board.accuracies_seen(one, key) for one in own}
            places = _Places(cell, key)
            if plan == JOINT:
                numbers += _bound_numbers(places, matrices, seen, last, level)
                continue
            kept = measured[cell, key] = {
                name: aggregate({order: measure(m, last) for order, m in matrices.items()})
                for name, measure in MEASURES.items()
                if key[1:] == ("test", CLEAN) or name in ENDS
            }
            for name, seeds in kept.items():
                numbers += numbers_of(places.at(), name, seeds, level)
            numbers += _seen_numbers(places, "", seen, level)
            images = {str(one.order): board.accuracies_seen(one, key, images=True) for one in own}
            each = aggregate({order: matrix[last, 0] for order, matrix in images.items()})
            numbers += numbers_of(places.at(), "image_accuracy", each, level)
            if key[1:] == ("test", CLEAN):
                numbers += _matrix_numbers(places, matrices, level)
    for (cell, key), kept in measured.items():
        place = _Places(cell, key).at()
        numbers += _gain_over_before(place, kept, level)
        for other in room.over(cell):
            if theirs := measured.get((other, key)):
                numbers += _gain_numbers(place, kept, other, theirs, level, targets or {})
        if cell == room.baseline and (again := measured.get((str(room.again), key))):
            for name in (name for name in COMPARED if name in kept):
                numbers += another_run(place, name, kept[name], again[name], level)
    return numbers + _chance_numbers(next((r for r in runs if r.plan != JOINT), runs[0]), room)


class _Places:
    """Places of a cell's numbers on one set."""

    def __init__(self, cell: str, key: SetKey) -> None:
        self._cell, self._key = cell, key

    def at(self, variant: str = "") -> Place:
        """Return the place under `variant`, which a shift stands before."""
        dataset, split, own = self._key
        named = "+".join(part for part in (own if own != CLEAN or not variant else "", variant) if part)
        return Place(ROOM, self._cell, dataset, split, named, "-")


def _learnt_sets(board: Board, runs: Sequence[Run], room: Params) -> list[SetKey]:
    """Return the sets of the classes that are learnt, which every run has."""
    if not runs:
        return []
    shared = set.intersection(*(set(board.sets(run)) for run in runs))
    return [key for key in board.sets(runs[0]) if key[0] == room.dataset and key in shared]


def _seen_numbers(places: _Places, plan: str, seen: Mapping[str, Matrix], level: float) -> list[Number]:
    """Return `accuracy_seen` after each session: on all classes learnt so far, among these."""
    numbers: list[Number] = []
    for session in sorted({after for matrix in seen.values() for after, _ in matrix}):
        seeds = {order: matrix[session, 0] for order, matrix in seen.items() if (session, 0) in matrix}
        place = places.at(f"{plan}after-{session}")
        numbers += numbers_of(place, "accuracy_seen", aggregate(seeds), level)
    return numbers


def _matrix_numbers(places: _Places, matrices: Mapping[str, Matrix], level: float) -> list[Number]:
    """Return `accuracy` after each session on the classes of each, among all classes."""
    numbers: list[Number] = []
    for after, asked in next(iter(matrices.values())):
        seeds = {
            order: matrix[after, asked] for order, matrix in matrices.items() if (after, asked) in matrix
        }
        place = places.at(f"after-{after}@session-{asked}")
        numbers += numbers_of(place, "accuracy", aggregate(seeds), level)
    return numbers


def _bound_numbers(
    places: _Places, matrices: Mapping[str, Matrix], seen: Mapping[str, Matrix], last: int, level: float
) -> list[Number]:
    """Return what learning all classes so far at once gives, as `joint`: of all of them `average_accuracy`."""
    seeds = {order: average_accuracy(matrix, last) for order, matrix in matrices.items()}
    numbers = numbers_of(places.at(JOINT), "average_accuracy", aggregate(seeds), level)
    return numbers + _seen_numbers(places, f"{JOINT}@", seen, level)


def _gain_numbers(
    place: Place, own: Mapping[str, Seeds], other: str, theirs: Mapping[str, Seeds], level: float,
    targets: Mapping[str, Target],
) -> list[Number]:  # fmt: skip
    """Return `gain_over_<other>_<m>` = a cell's measure - the other's in the same order, with its p-value.

    Of the orders that both have.
    """
    numbers: list[Number] = []
    for metric in (metric for metric in COMPARED if metric in own):
        name = f"gain_over_{other}_{metric}"
        first, second = own[metric], theirs[metric]
        shared = {order: found for order, found in first.items() if order in second}
        if shared.keys() <= {ALL_SEEDS}:
            continue
        gained = combine(difference, shared, {order: second[order] for order in shared})
        numbers += numbers_of(place, name, gained, level, targets=targets)
        numbers += p_value_numbers(place, name, gained, level)
    return numbers


def _gain_over_before(place: Place, own: Mapping[str, Seeds], level: float) -> list[Number]:
    """Return what all sessions add to the base model's accuracy on the same images, with its p-value."""
    name = f"gain_over_{BEFORE}_average_accuracy"
    gained = combine(difference, own["average_accuracy"], own["average_accuracy_before"])
    return numbers_of(place, name, gained, level) + p_value_numbers(place, name, gained, level)


def _chance_numbers(run: Run, room: Params) -> list[Number]:
    """Return accuracy of a class drawn at random, as `CHANCE`: of what is learnt, and of other datasets."""
    table, numbers = run.table.to_pandas(), list[Number]()
    for dataset in (room.dataset, *room.retention.datasets):
        own = table[table["dataset"] == dataset]
        if not len(own):
            continue
        place = Place(ROOM, CHANCE, str(dataset), "test", "clean", "-")
        metrics = ("average_accuracy",) if dataset == room.dataset else ("accuracy", "accuracy_before")
        share, source = 1 / own["label"].nunique(), [str(run.path)]
        numbers += [place.plain(ALL_SEEDS, metric, share, "fraction", source) for metric in metrics]
    return numbers


if __name__ == "__main__":
    run(main)
