"""Numbers of the unit that epsilon of an attack on texts counts in."""

from collections.abc import Sequence

from crossmodal.experiments.robustness.records import TextUnit
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import Number


def unit_numbers(units: Sequence[TextUnit], dataset: str) -> list[Number]:
    """Return the unit of each attacked cell, and how it came about.

    `text_epsilon_unit` is a norm of token embeddings, `text_epsilon_unit_ratio` that norm over the mean of the
    whole table, `text_epsilon_tokens` the number of words it is of: those of the training captions of `dataset`.
    """
    numbers = []
    for unit in units:
        place, seed = Place("attack", unit.cell, dataset, "train", "clean", "-"), str(unit.seed)
        numbers += [
            place.plain(seed, metric, value, name, [unit.source])
            for metric, value, name in (
                ("text_epsilon_unit", unit.norm, "norm"),
                ("text_epsilon_unit_ratio", unit.norm / unit.table, "ratio"),
                ("text_epsilon_tokens", float(unit.tokens), "count"),
            )
        ]
    return numbers
