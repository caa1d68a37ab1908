"""What approximate search loses of the recall of exhaustive search, end to end."""

from crossmodal.statistics.comparisons import RECALLS, at, loss_of
from crossmodal.statistics.estimates import Place, combine, numbers_of
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Measured


def search_loss(place: Place, measured: Measured, exhaustive: str, level: float) -> list[Number]:
    """Return `loss_<m>` = 1 - m / (m of the index `exhaustive`), end to end, for every other index."""
    numbers = []
    for key, seeds in measured.items():
        reference = measured.get(key._replace(variant=exhaustive))
        if (
            key.experiment != "search"
            or key.metric not in RECALLS
            or key.variant == exhaustive
            or not reference
        ):
            continue
        here = at(place, "search", key.dataset, key.variant, key.direction)
        numbers += numbers_of(here, f"loss_{key.metric}", combine(loss_of, seeds, reference), level)
    return numbers
