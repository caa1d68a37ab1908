"""What an adaptation costs before it is used: parameters, exactly counted, and training time."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.records import distinct


def parameter_numbers(cards: Sequence[AdapterCard]) -> list[Number]:
    """Return exact counts and training times of every cell, by seed and as the mean `s*`."""
    numbers = []
    for cell, seed, group in by_seed(cards):
        place = Place("peft", cell, "-", "-", "-", "-")
        for metric, unit, value in _counted(group):
            numbers.append(place.plain(seed, metric, value, unit, [card.source for card in group]))
    return numbers


def by_seed(cards: Sequence[AdapterCard]) -> Iterator[tuple[str, str, list[AdapterCard]]]:
    """Yield (cell, seed, cards) of each cell: every seed's card, and at last all of them as "*"."""
    for cell in distinct(cards, "cell"):
        own = [card for card in cards if card.cell == cell]
        yield from ((cell, str(card.seed), [card]) for card in own)
        yield cell, ALL_SEEDS, own


def training_costs(cards: Sequence[AdapterCard]) -> dict[str, dict[str, Estimate]]:
    """Return what a cell costs before it is used, means over seeds: `parameters` trained, `training_seconds`.

    These are counted or measured once for each seed: their samples, of shape [1], do not vary.
    """
    costs: dict[str, dict[str, Estimate]] = {"parameters": {}, "training_seconds": {}}
    for cell in distinct(cards, "cell"):
        own = [card for card in cards if card.cell == cell]
        sources = tuple(card.source for card in own)

        def exact(value: float, sources: tuple[str, ...] = sources) -> Estimate:
            return Estimate(value, np.array([value]), 0, sources)

        costs["parameters"][cell] = exact(average(card.trainable for card in own))
        if all(card.seconds is not None for card in own):
            costs["training_seconds"][cell] = exact(average(card.seconds or 0.0 for card in own))
    return costs


def _counted(cards: Sequence[AdapterCard]) -> list[tuple[str, str, float]]:
    rows = [
        ("parameters_trainable", "count", average(card.trainable for card in cards)),
        ("parameters_trainable_nominal", "count", average(card.nominal for card in cards)),
        ("parameters_total", "count", average(card.total for card in cards)),
        ("parameters_share", "fraction", average(card.share for card in cards)),
        ("parameters_token_embeddings", "count", average(card.token_embeddings for card in cards)),
        ("token_embeddings_share", "fraction", average(card.token_embeddings / card.total for card in cards)),
    ]
    for tower in cards[0].towers:
        rows.append(
            (f"parameters_trainable_{tower}", "count", average(card.towers.get(tower, 0) for card in cards))
        )
    if all(card.seconds is not None for card in cards):
        rows.append(("training_seconds", "s", average(card.seconds or 0.0 for card in cards)))
    if all(card.epochs is not None for card in cards):
        rows.append(("training_epochs", "count", average(card.epochs or 0 for card in cards)))
    return rows


def average(values: Iterable[float]) -> float:
    """Return the mean of `values`, of which there is at least one."""
    return float(np.mean(list(values)))
