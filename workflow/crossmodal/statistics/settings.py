"""Typed parameters of the statistics. Free of torch: the Snakefile imports it."""

from typing import Annotated

from pydantic import Field

from crossmodal.parameters import Count, Parameters


class StatisticsParameters(Parameters):
    """The bootstrap behind every interval."""

    resamples: Count = 10_000
    """Bootstrap resamples."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Coverage of the intervals, a share."""
    bootstrap_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the resamples: equal seeds give equal resamples for every cell, so that cells are paired."""
