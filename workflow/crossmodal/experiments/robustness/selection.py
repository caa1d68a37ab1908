"""Which adversarially trained cell is taken, from validation data alone; test data has no part in it.

All candidates are validated under one attack, whatever they were trained against. Taken is the one with the
highest recall@1 under it among those whose recall@1 without it, of the same queries, is at least 90 % of their
plain twin's, the same method trained without an adversary, and whose recall@1 under it is above the twin's. If
there is none, none is taken: what withstands no more than a cell that was never attacked has not learnt to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossmodal.experiments.robustness.records import RobustRecall
from crossmodal.statistics.costs import average
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.pareto import UNIT, on_frontier
from crossmodal.statistics.records import CellFacts, distinct

GAINED = "validation_robust_gain_recall@1"
"""What a cell's recall@1 under the common attack is above its plain twin's."""
LARGEST_FALL = 0.10
"""Share of the clean recall that adversarial training may cost (the proposal's contingency of H2)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cell's recall@1 on validation data, mean of both directions and over seeds."""

    cell: str
    clean: float
    robust: float
    kept: float | None
    """`clean` as a share of the plain twin's; None if no such cell was trained."""
    gained: float | None
    """`robust` less the plain twin's; None if no such cell was trained."""
    sources: tuple[str, ...] = ()
    """The files that this rests on: the cell's own and its twin's."""


def selection_numbers(
    cells: Mapping[str, CellFacts],
    twins: Mapping[str, str | None],
    recalls: Sequence[RobustRecall],
) -> list[Number]:
    """Return recall under the common attack, and the choice among the cells with an adversary, by dataset.

    `twins` names the plain twin of each cell with an adversary, None for one without. For every cell in `recalls`
    `validation_robust_recall@1` and, of the same queries, `validation_unattacked_recall@1`; for candidates
    `validation_unattacked_recall@1_kept`, `validation_robust_gain_recall@1`, `pareto_validation` (clean against
    robust) and, 1 or 0, `adversarial_chosen`.
    """
    numbers = _recall_numbers(recalls, cells)
    known = (_candidate(cell, twin, recalls) for cell, twin in twins.items())
    candidates = [candidate for candidate in known if candidate is not None]
    for dataset in dict.fromkeys(cells[candidate.cell].dataset for candidate in candidates):
        found = [candidate for candidate in candidates if cells[candidate.cell].dataset == dataset]
        member = on_frontier([-c.clean for c in found], [c.robust for c in found])
        taken = choose(found)
        sources = list(dict.fromkeys(source for candidate in found for source in candidate.sources))
        for candidate, frontier in zip(found, member, strict=True):
            place = Place("peft", candidate.cell, dataset, "val", "clean", "mean")
            rows = [
                ("pareto_validation", float(frontier), UNIT),
                ("adversarial_chosen", float(candidate is taken), UNIT),
            ]
            if candidate.kept is not None:
                rows.insert(0, ("validation_unattacked_recall@1_kept", candidate.kept, "fraction"))
            if candidate.gained is not None:
                rows.append((GAINED, candidate.gained, "fraction"))
            numbers += [place.plain(ALL_SEEDS, metric, value, unit, sources) for metric, value, unit in rows]
    return numbers


def choose(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate that the rule of this module takes, of equals the first; None if it takes none."""
    close = [c for c in candidates if (c.kept or 0.0) >= 1 - LARGEST_FALL and (c.gained or 0.0) > 0]
    return max(close, key=lambda c: c.robust, default=None)


def _recall_numbers(recalls: Sequence[RobustRecall], cells: Mapping[str, CellFacts]) -> list[Number]:
    """Return both recalls of every cell, by seed and as the mean `s*`."""
    numbers = []
    for cell in distinct(recalls, "cell"):
        own = [recall for recall in recalls if recall.cell == cell]
        place = Place("peft", cell, cells[cell].dataset, "val", "clean", "mean")
        for seed, group in [*((str(recall.seed), [recall]) for recall in own), (ALL_SEEDS, own)]:
            sources = [recall.source for recall in group]
            for metric, values in (
                ("validation_robust_recall@1", [recall.robust for recall in group]),
                ("validation_unattacked_recall@1", [recall.clean for recall in group]),
            ):
                numbers.append(place.plain(seed, metric, average(values), "fraction", sources))
    return numbers


def _candidate(cell: str, twin: str | None, recalls: Sequence[RobustRecall]) -> Candidate | None:
    own, plain = ([recall for recall in recalls if recall.cell == name] for name in (cell, twin))
    if not own:
        return None
    clean, robust = average([recall.clean for recall in own]), average([recall.robust for recall in own])
    before = average([recall.clean for recall in plain]) if plain else 0.0
    gained = robust - average([recall.robust for recall in plain]) if plain else None
    sources = tuple(recall.source for recall in (*own, *plain))
    return Candidate(cell, clean, robust, clean / before if before else None, gained, sources)
