"""Pareto frontiers: which cells no other dominates, with fewer costs and more recall.

A cell dominates another if it costs no more and finds no less, and is better in one of the two. Cells that are
equal in both do not dominate one another: all of them are on the frontier, or none is.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number

DIGITS = 6
"""Recalls that agree to so many decimals are equal: means of the same counts are rounded differently."""

UNIT = "yes/no"
"""1 for yes, 0 for no."""


def on_frontier(costs: ArrayLike, quality: ArrayLike) -> NDArray[np.bool_]:
    """Return which of n cells no other dominates, bool [..., n]; lower costs and higher quality are better.

    `costs` and `quality` are [..., n] and broadcast against each other, for example over resamples. A cell with
    a NaN neither dominates nor is on the frontier. n comparisons of whole arrays: n is the size of a grid.
    """
    costs, quality = np.broadcast_arrays(np.asarray(costs, np.float64), np.asarray(quality, np.float64))
    dominated = np.isnan(costs) | np.isnan(quality)
    for other in range(costs.shape[-1]):
        cost, found = costs[..., other, None], quality[..., other, None]
        dominated |= (cost <= costs) & (found >= quality) & ((cost < costs) | (found > quality))
    return ~dominated


def pareto_numbers(
    place: Place, recalls: Mapping[str, Estimate], costs: Mapping[str, Mapping[str, Estimate]]
) -> list[Number]:
    """Return `pareto_<cost>`, 1 or 0, and `pareto_<cost>_probability` of the cells that have that cost.

    `recalls` are paired estimates by cell, `costs` estimates by kind of cost and cell. The probability is the
    share of resamples in which the cell is on the frontier: recalls are drawn anew, and costs that have
    samples (times) with them; it has no interval of its own. `place` gives all coordinates but the cell.
    """
    numbers = []
    for kind, known in costs.items():
        cells = [cell for cell in recalls if cell in known]
        if not cells:
            continue
        quality = np.round([recalls[cell].value for cell in cells], DIGITS)
        samples = np.round(np.stack([recalls[cell].samples for cell in cells], axis=-1), DIGITS)
        drawn = np.stack([np.broadcast_to(known[cell].samples, len(samples)) for cell in cells], axis=-1)
        member = on_frontier([known[cell].value for cell in cells], quality)
        share = on_frontier(drawn, samples).mean(axis=0)
        sources = dict.fromkeys(
            source for cell in cells for source in (*recalls[cell].sources, *known[cell].sources)
        )
        for cell, chosen, probability in zip(cells, member, share, strict=True):
            here = Place(place.experiment, cell, place.dataset, place.split, place.variant, place.direction)
            for metric, value, unit in (
                (f"pareto_{kind}", float(chosen), UNIT),
                (f"pareto_{kind}_probability", float(probability), "fraction"),
            ):
                numbers.append(here.plain(ALL_SEEDS, metric, value, unit, sources, recalls[cell].queries))
    return numbers
