"""How many parameters an adaptation saves beside full fine-tuning."""

from collections.abc import Callable, Sequence

from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.costs import average, by_seed
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import Number


def saved_parameters(cards: Sequence[AdapterCard], reference_of: Callable[[str], str | None]) -> list[Number]:
    """Return what every cell saves beside the cell that `reference_of` names for it, by seed and as the mean `s*`.

    `saved_parameters` = 1 - trainable / trainable of the reference, over parameters that can get a gradient;
    `saved_parameters_nominal` the same over all that are let train, words that no caption holds among them.
    Their interval has zero width, because nothing is estimated.
    """
    numbers = []
    for cell, seed, group in by_seed(cards):
        reference = reference_of(cell)
        standard = [card for card in cards if card.cell == reference]
        if not standard:
            continue
        place = Place("peft", cell, "-", "-", "-", "-")
        sources = tuple(dict.fromkeys(card.source for card in [*group, *standard]))
        for metric, own, base in (
            ("saved_parameters", average(c.trainable for c in group), average(c.trainable for c in standard)),
            (
                "saved_parameters_nominal",
                average(c.nominal for c in group),
                average(c.nominal for c in standard),
            ),
        ):
            saved = 1 - own / base if base > 0 else None
            numbers.append(place.plain(seed, metric, saved, "fraction", sources, low=saved, high=saved))
    return numbers
