"""How many parameters an adaptation saves beside full fine-tuning."""

from collections.abc import Callable, Sequence

from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.costs import average, by_seed
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import Number


def saved_parameters(cards: Sequence[AdapterCard], reference_of: Callable[[str], str | None]) -> list[Number]:
    """Return what every cell saves beside the cell that `reference_of` names for it, by seed and as the mean `s*`.

    `saved_parameters` = 1 - trainable / trainable of the reference, and `saved_parameters_without_tokens` the same
    where the reference's token embeddings are not counted. Their interval has zero width, because nothing is
    estimated.
    """
    numbers = []
    for cell, seed, group in by_seed(cards):
        reference = reference_of(cell)
        standard = [card for card in cards if card.cell == reference]
        if not standard:
            continue
        place = Place("peft", cell, "-", "-", "-", "-")
        sources = tuple(dict.fromkeys(card.source for card in [*group, *standard]))
        full = average(card.trainable for card in standard)
        tokens = average(card.token_embeddings for card in standard)
        trainable = average(card.trainable for card in group)
        for metric, base in (
            ("saved_parameters", full),
            ("saved_parameters_without_tokens", full - tokens),
        ):
            if cell == reference and base != full:
                continue  # its own count has the token embeddings in it
            saved = 1 - trainable / base if base > 0 else None
            numbers.append(place.plain(seed, metric, saved, "fraction", sources, low=saved, high=saved))
    return numbers
