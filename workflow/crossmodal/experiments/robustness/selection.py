"""Which adversarially trained cell is taken, from validation data alone; test data has no part in it.

Of the cells with an adversary, those on the Pareto frontier of clean and robust validation recall@1 are
candidates. Taken is the one with the highest robust recall among those that keep at least 90 % of the clean
validation recall of the same method without an adversary; if there is none, the one with the highest clean recall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.pareto import UNIT, on_frontier
from crossmodal.statistics.records import AdapterCard, CellFacts, distinct

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


def selection_numbers(cards: Sequence[AdapterCard], cells: Mapping[str, CellFacts]) -> list[Number]:
    """Return validation recalls of every cell that has them, and of those with an adversary the choice.

    `validation_recall@1` and `validation_robust_recall@1` by seed and as the mean `s*`; for cells with an
    adversary also `validation_recall@1_kept`, `pareto_validation` (clean against robust) and
    `adversarial_chosen`, 1 or 0, among the cells of one target dataset. Nothing for cards without validation.
    """
    numbers = []
    for cell in distinct(cards, "cell"):
        if facts := cells.get(cell):
            numbers += _recalls(_place(cell, facts), [card for card in cards if card.cell == cell])
    adversarial = [cell for cell, facts in cells.items() if facts.adversarial]
    for dataset in dict.fromkeys(cells[cell].dataset for cell in adversarial):
        group = [cell for cell in adversarial if cells[cell].dataset == dataset]
        found = [candidate for cell in group if (candidate := _candidate(cell, cards, cells))]
        if not found:
            continue
        member = on_frontier([-c.clean for c in found], [c.robust for c in found])
        taken = choose(found)
        sources = [card.source for card in cards if card.cell in group]
        for candidate, frontier in zip(found, member, strict=True):
            place = _place(candidate.cell, cells[candidate.cell])
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
    clean, robust = _mean(own, "text_to_image", "image_to_text"), _mean(own, *_ROBUST)
    if clean is None or robust is None:
        return None
    plain = [
        card
        for card in cards
        if (other := cells.get(card.cell))
        and not other.adversarial
        and (other.dataset, other.method) == (cells[cell].dataset, cells[cell].method)
        and (card.trainable, card.towers) == (own[0].trainable, own[0].towers)
    ]
    before = _mean([card for card in plain if card.cell == plain[0].cell], "text_to_image", "image_to_text")
    return Candidate(cell, clean, robust, clean / before if before else None)


_ROBUST = ("robust_text_to_image", "robust_image_to_text")


def _mean(cards: Sequence[AdapterCard], *directions: str) -> float | None:
    """Return the mean over cards and directions, None unless every card has all of them."""
    values = [getattr(card.validation, direction, None) for card in cards for direction in directions]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _recalls(place: Place, cards: Sequence[AdapterCard]) -> list[Number]:
    numbers = []
    for metric, directions in (
        ("validation_recall@1", ("text_to_image", "image_to_text")),
        ("validation_robust_recall@1", _ROBUST),
    ):
        groups = [(str(card.seed), [card]) for card in cards] + [(ALL_SEEDS, list(cards))]
        for seed, group in groups:
            value = _mean(group, *directions)
            if value is not None:
                numbers.append(place.plain(seed, metric, value, "fraction", [card.source for card in group]))
    return numbers


def _place(cell: str, facts: CellFacts) -> Place:
    return Place("peft", cell, facts.dataset, "val", "clean", "mean")
