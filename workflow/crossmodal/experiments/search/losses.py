"""What approximate search loses of the recall of exhaustive search, and what a re-ranker adds, end to end."""

from collections.abc import Mapping

from crossmodal.experiments.search.params import EXACT, RERANK, index_of, stage_of, with_stage
from crossmodal.statistics.comparisons import RECALLS, at, loss_of
from crossmodal.statistics.estimates import Place, combine, difference, numbers_of
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Measured
from crossmodal.statistics.targets import Target


def search_loss(
    place: Place,
    measured: Measured,
    exhaustive: str,
    level: float,
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return `loss_<m>` = 1 - m / (m of the index `exhaustive`), end to end, for every other index.

    `targets` are what claims say of these numbers, by id.
    """
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
        lost = combine(loss_of, seeds, reference)
        numbers += numbers_of(here, f"loss_{key.metric}", lost, level, targets=targets)
    return numbers


def rerank_gain(place: Place, measured: Measured, level: float) -> list[Number]:
    """Return `gain_over_exact_<m>` = m - (m of exact re-scoring of the same index) of re-ranked search."""
    numbers = []
    for key, seeds in measured.items():
        exact = measured.get(key._replace(variant=with_stage(index_of(key.variant), EXACT)))
        if key.experiment == "search" and key.metric in RECALLS and stage_of(key.variant) == RERANK and exact:
            here = at(place, "search", key.dataset, key.variant, key.direction)
            gain = combine(difference, seeds, exact)
            numbers += numbers_of(here, f"gain_over_exact_{key.metric}", gain, level)
    return numbers
