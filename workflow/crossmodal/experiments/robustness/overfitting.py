"""Whether training against one step overfitted to that step (Wong et al. 2020), from the cards of the cells."""

from collections.abc import Mapping, Sequence

from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.pareto import UNIT
from crossmodal.statistics.records import CellFacts


def overfitting_numbers(cards: Sequence[AdapterCard], cells: Mapping[str, CellFacts]) -> list[Number]:
    """Return `catastrophic_overfitting`, 1 or 0, of each cell and seed whose training looked for it.

    Beside it stand the two validation recalls@1 of that epoch, or of the last where there was none, means of both
    directions: under the adversary's own validation, of several steps (`overfitting_recall@1_several-steps`), and
    under the one step of training (`overfitting_recall@1_one-step`).
    """
    numbers = []
    for card in cards:
        if card.overfitting is None or card.cell not in cells:
            continue
        found = card.overfitting
        place = Place("peft", card.cell, cells[card.cell].dataset, "val", "clean", "mean")
        numbers += [
            place.plain(str(card.seed), metric, value, unit, [card.source])
            for metric, value, unit in (
                ("catastrophic_overfitting", float(found.found), UNIT),
                ("overfitting_recall@1_several-steps", found.several_steps, "fraction"),
                ("overfitting_recall@1_one-step", found.one_step, "fraction"),
            )
        ]
    return numbers
