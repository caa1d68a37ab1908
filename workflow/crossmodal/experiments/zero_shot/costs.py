"""What cells and students cost: parameters that were trained, seconds, and what each encoder then takes."""

from collections.abc import Mapping, Sequence

from crossmodal.experiments.zero_shot.params import Params
from crossmodal.experiments.zero_shot.records import Footprint, StudentCard
from crossmodal.experiments.zero_shot.transfer import ROOM
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.costs import average
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.records import CellFacts


def cost_numbers(
    footprints: Sequence[Footprint],
    cards: Sequence[AdapterCard],
    students: Sequence[StudentCard],
    cells: Mapping[str, CellFacts],
    room: Params,
) -> list[Number]:
    """Return what every cell and student cost, counts and means over seeds.

    `trained_parameters` and `training_seconds`: of all that was trained after the base model, distillation and
    adaptation; `parameters`, `parameters_without_tokens`; `flops_image`, `flops_text`, `flops_pair` of one item.
    The adapter is merged where it can be, so that what it adds to an encoder is nothing.
    """
    numbers: list[Number] = []
    members: dict[str, list[str]] = {}
    for cell in dict.fromkeys(footprint.cell for footprint in footprints):
        student = room.student_of(cell)
        members.setdefault(student[0] if student else cell, []).append(cell)
    for name, own in members.items():
        place = Place(ROOM, name, "-", "-", "-", "-")
        counted = [footprint for footprint in footprints if footprint.cell in own]
        for metric, unit in _COUNTS.items():
            values = [_count(footprint, metric) for footprint in counted]
            files = [footprint.source for footprint in counted]
            numbers.append(place.plain(ALL_SEEDS, metric, average(values), unit, files))
        adapted = [card for card in cards if card.cell in own]
        distilled = [card for card in students if card.model in {cells[cell].model for cell in own}]
        sources = [*(card.source for card in adapted), *(card.source for card in distilled)]
        if adapted:
            trained = average(card.trainable for card in adapted)
            trained += average(card.trainable for card in distilled) if distilled else 0
            numbers.append(place.plain(ALL_SEEDS, "trained_parameters", trained, "count", sources))
        if adapted and all(card.seconds is not None for card in adapted):
            seconds = average(card.seconds or 0.0 for card in adapted)
            seconds += average(card.seconds for card in distilled) if distilled else 0
            numbers.append(place.plain(ALL_SEEDS, "training_seconds", seconds, "s", sources))
    return numbers


_COUNTS = {
    "parameters": "count", "parameters_without_tokens": "count",
    "flops_image": "FLOP", "flops_text": "FLOP", "flops_pair": "FLOP",
}  # fmt: skip


def _count(footprint: Footprint, metric: str) -> int:
    if metric == "flops_pair":
        return footprint.flops_image + footprint.flops_text
    count: int = getattr(footprint, metric)
    return count
