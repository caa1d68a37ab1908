"""Numbers of the checks that a robust recall is not the work of masked gradients (Athalye et al. 2018)."""

import re
from collections.abc import Sequence

from crossmodal.experiments.robustness.records import SanityCheck
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import Number

UNIT = "passed/failed"
"""1 for passed, 0 for failed."""


def sanity_numbers(checks: Sequence[SanityCheck]) -> list[Number]:
    """Return `sanity_passed`, 1, 0 or None where it says nothing, of each check and what it measured.

    The name of the check stands in `variant`; a check is of one cell and seed. Measured is
    `sanity_recall@1_<attack>`, a fraction, and `sanity_loss_<attack>` in nats.
    """
    numbers = []
    for check in checks:
        place = Place("attack", check.cell, "-", "-", check.name, "-")
        seed, sources = str(check.seed), [check.source]
        passed = None if check.passed is None else float(check.passed)
        numbers.append(place.plain(seed, "sanity_passed", passed, UNIT, sources))
        for what, value in check.measured.items():
            unit = "fraction" if what.startswith("recall") else "nats"
            numbers.append(place.plain(seed, f"sanity_{_slug(what)}", value, unit, sources))
    return numbers


def _slug(what: str) -> str:
    """Return words as part of an id: "recall@1, one step" is `recall@1_one-step`."""
    return "_".join(re.sub(r"[^A-Za-z0-9.@+]+", "-", part).strip("-") for part in what.split(","))
