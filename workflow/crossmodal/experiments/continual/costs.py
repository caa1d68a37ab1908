"""What learning sessions takes: parameters, operations and seconds, means over sessions and orders."""

from collections.abc import Sequence

from crossmodal.experiments.continual.learning_params import CONTINUAL
from crossmodal.experiments.continual.records import SessionCard
from crossmodal.statistics.costs import average
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number

ROOM = "continual"


def cost_numbers(cards: Sequence[SessionCard]) -> list[Number]:
    """Return `parameters_trained`, `parameters_changed`, `flops_step` and seconds of a session, by cell.

    Of those who learn session after session. `flops_step` is of one image in a training step;
    `training_seconds` and `training_seconds_choosing` are of one session.
    """
    numbers: list[Number] = []
    own = [card for card in cards if card.plan == CONTINUAL]
    for cell in dict.fromkeys(card.cell for card in own):
        mine = [card for card in own if card.cell == cell]
        place = Place(ROOM, cell, "-", "-", "-", "-")
        rows: dict[str, tuple[str, list[float]]] = {
            "parameters_trained": ("count", [card.trained for card in mine]),
            "parameters_changed": ("count", [card.changed for card in mine]),
            "flops_step": ("FLOP", [card.flops for card in mine]),
            "training_seconds": ("s", [card.seconds for card in mine]),
            "training_seconds_choosing": ("s", [card.choosing for card in mine]),
        }
        sources = [card.source for card in mine]
        for metric, (unit, values) in rows.items():
            numbers.append(place.plain(ALL_SEEDS, metric, average(values), unit, sources))
    return numbers
