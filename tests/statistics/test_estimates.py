"""Ratios of what was resampled together."""

import numpy as np

from crossmodal.statistics.estimates import Estimate, ratio


def test_what_is_zero_but_for_rounding_is_no_denominator() -> None:
    """A resample without any hit leaves 1e-9 in float32; a ratio to it would be a number without meaning."""
    hits = Estimate(0.5, np.array([0.4, 0.5, 0.6]), 10, ("a",))
    few = Estimate(0.25, np.array([1e-9, 0.25, 0.5]), 10, ("b",))
    samples = ratio(hits, few).samples
    assert np.isnan(samples[0]) and samples[1:].tolist() == [2.0, 1.2]
