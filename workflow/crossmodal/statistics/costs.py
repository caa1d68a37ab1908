"""What an adaptation costs: parameters, exactly counted, and training time."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.records import AdapterCard, distinct


def parameter_numbers(
    cards: Sequence[AdapterCard], reference_of: Callable[[str], str | None]
) -> list[Number]:
    """Return exact counts and training times of every cell, by seed and as the mean `s*`.

    `saved_parameters` = 1 - trainable / trainable of the cell that `reference_of` names for it, and
    `saved_parameters_without_tokens` the same where the reference's token embeddings are not counted. Their
    interval has zero width, because nothing is estimated.
    """
    numbers = []
    for cell in distinct(cards, "cell"):
        reference = reference_of(cell)
        standard = [card for card in cards if card.cell == reference]
        own = [card for card in cards if card.cell == cell]
        groups = [(str(card.seed), [card]) for card in own] + [(ALL_SEEDS, own)]
        for seed, group in groups:
            place = Place("peft", cell, "-", "-", "-", "-")
            sources = tuple(dict.fromkeys(card.source for card in [*group, *standard]))
            for metric, unit, value in _counted(group):
                numbers.append(place.plain(seed, metric, value, unit, [card.source for card in group]))
            if not standard:
                continue
            full = _mean(card.trainable for card in standard)
            tokens = _mean(card.token_embeddings for card in standard)
            trainable = _mean(card.trainable for card in group)
            for metric, base in (
                ("saved_parameters", full),
                ("saved_parameters_without_tokens", full - tokens),
            ):
                if cell == reference and base != full:
                    continue  # its own count has the token embeddings in it
                saved = 1 - trainable / base if base > 0 else None
                numbers.append(
                    place.plain(seed, metric, saved, "fraction", sources, low=saved, high=saved)
                )  # fmt: skip
    return numbers


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

        costs["parameters"][cell] = exact(_mean(card.trainable for card in own))
        if all(card.seconds is not None for card in own):
            costs["training_seconds"][cell] = exact(_mean(card.seconds or 0.0 for card in own))
    return costs


def _counted(cards: Sequence[AdapterCard]) -> list[tuple[str, str, float]]:
    rows = [
        ("parameters_trainable", "count", _mean(card.trainable for card in cards)),
        ("parameters_total", "count", _mean(card.total for card in cards)),
        ("parameters_share", "fraction", _mean(card.share for card in cards)),
        ("parameters_token_embeddings", "count", _mean(card.token_embeddings for card in cards)),
        ("token_embeddings_share", "fraction", _mean(card.token_embeddings / card.total for card in cards)),
    ]
    for tower in cards[0].towers:
        rows.append(
            (f"parameters_trainable_{tower}", "count", _mean(card.towers.get(tower, 0) for card in cards))
        )
    if all(card.seconds is not None for card in cards):
        rows.append(("training_seconds", "s", _mean(card.seconds or 0.0 for card in cards)))
    if all(card.epochs is not None for card in cards):
        rows.append(("training_epochs", "count", _mean(card.epochs or 0 for card in cards)))
    return rows


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
