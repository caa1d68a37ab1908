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
    teachers: Sequence[AdapterCard],
    cells: Mapping[str, CellFacts],
    room: Params,
) -> list[Number]:
    """Return what every cell and student cost, counts and means over seeds.

    `trained_parameters` and `training_seconds`: of all that was trained after the base model, distillation,
    adaptation, and both of a teacher (`teachers` are the cells that taught); `parameters`,
    `parameters_without_tokens`; `validation_mrr`, by which the last of these chose its epoch;
    `flops_image`, `flops_text`, `flops_pair` of one item.
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
        chains = [
            [card, *_made_from(cells[card.cell].model, students, teachers)]
            for card in cards
            if card.cell in own
        ]
        sources = list(dict.fromkeys(part.source for chain in chains for part in chain))
        if chains:
            trained = average(sum(part.trainable for part in chain) for chain in chains)
            numbers.append(place.plain(ALL_SEEDS, "trained_parameters", trained, "count", sources))
        if chains and all(part.seconds is not None for chain in chains for part in chain):
            seconds = average(sum(part.seconds or 0.0 for part in chain) for chain in chains)
            numbers.append(place.plain(ALL_SEEDS, "training_seconds", seconds, "s", sources))
        scores = [_validation_mrr(chain) for chain in chains]
        if chains and None not in scores:
            mrr = average(score for score in scores if score is not None)
            numbers.append(place.plain(ALL_SEEDS, "validation_mrr", mrr, "fraction", sources))
    return numbers


def _validation_mrr(chain: Sequence[StudentCard | AdapterCard]) -> float | None:
    """Return what the last training of a chain chose its epoch by: the cell's, or that of the student it is of."""
    for card in chain:
        if isinstance(card, StudentCard):
            return card.validation_mrr
        if card.validation is not None and card.trainable:
            return card.validation.mrr
    return None


def _made_from(
    model: str, students: Sequence[StudentCard], teachers: Sequence[AdapterCard]
) -> list[StudentCard | AdapterCard]:
    """Return the cards of what was trained to make a model: it, the cell that taught it, and its teacher's own."""
    card = next((card for card in students if card.model == model), None)
    if card is None:
        return []
    taught = [teacher for teacher in teachers if (teacher.cell, teacher.seed) == (card.cell, card.cell_seed)]
    return [card, *taught[:1], *_made_from(card.teacher, students, teachers)]


_COUNTS = {
    "parameters": "count", "parameters_without_tokens": "count",
    "flops_image": "FLOP", "flops_text": "FLOP", "flops_pair": "FLOP",
}  # fmt: skip


def _count(footprint: Footprint, metric: str) -> int:
    if metric == "flops_pair":
        return footprint.flops_image + footprint.flops_text
    count: int = getattr(footprint, metric)
    return count
