"""Which adversarially trained cell is taken, from validation data alone; test data has no part in it.

Of the cells with an adversary, those on the Pareto frontier of clean and robust validation recall@1 are
candidates. Taken is the one with the highest robust recall among those that keep at least 90 % of the clean
validation recall of the same method without an adversary; if there is none, the one with the highest clean recall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.cells import validation_recall
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.pareto import UNIT, on_frontier
from crossmodal.statistics.records import CellFacts

LARGEST_FALL = 0.10
"""Share of the clean recall that adversarial training may cost (the proposal's contingency of H2)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cell's recall@1 on validation data, mean of both directions and over seeds."""

    cell: str
    clean: float
    robust: float
    kept: float | None
    """`clean` as a share of the same method's without an adversary; None if no such cell was trained."""
    sources: tuple[str, ...] = ()
    """The cards that this rests on: the cell's own, and those of the method without an adversary."""


def selection_numbers(cards: Sequence[AdapterCard], cells: Mapping[str, CellFacts]) -> list[Number]:
    """Return the choice among the cells with an adversary, by the dataset that they are adapted to.

    `validation_recall@1_kept`, `pareto_validation` (clean against robust) and `adversarial_chosen`, 1 or 0.
    """
    numbers = []
    adversarial = [cell for cell, facts in cells.items() if facts.adversarial]
    for dataset in dict.fromkeys(cells[cell].dataset for cell in adversarial):
        group = [cell for cell in adversarial if cells[cell].dataset == dataset]
        found = [candidate for cell in group if (candidate := _candidate(cell, cards, cells))]
        if not found:
            continue
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
                rows.insert(0, ("validation_recall@1_kept", candidate.kept, "fraction"))
            numbers += [place.plain(ALL_SEEDS, metric, value, unit, sources) for metric, value, unit in rows]
    return numbers


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate that the rule of this module takes; of equals the first."""
    member = on_frontier([-c.clean for c in candidates], [c.robust for c in candidates])
    frontier = [c for c, chosen in zip(candidates, member, strict=True) if chosen]
    close = [c for c in frontier if c.kept is not None and c.kept >= 1 - LARGEST_FALL]
    return max(close, key=lambda c: c.robust) if close else max(frontier, key=lambda c: c.clean)


def _candidate(cell: str, cards: Sequence[AdapterCard], cells: Mapping[str, CellFacts]) -> Candidate | None:
    own = [card for card in cards if card.cell == cell]
    clean, robust = validation_recall(own, robust=False), validation_recall(own, robust=True)
    if clean is None or robust is None:
        return None
    own_facts = cells[cell]
    plain = [
        card
        for card in cards
        if (other := cells.get(card.cell))
        and not other.adversarial
        and (other.dataset, other.model, other.method)
        == (own_facts.dataset, own_facts.model, own_facts.method)
        and (card.trainable, card.towers) == (own[0].trainable, own[0].towers)
    ]
    plain = [card for card in plain if card.cell == plain[0].cell]
    before = validation_recall(plain, robust=False)
    sources = tuple(card.source for card in (*own, *plain))
    return Candidate(cell, clean, robust, clean / before if before else None, sources)
