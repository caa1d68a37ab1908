"""What a study could and could not have seen: for each claim its data and the smallest effect in reach."""

from collections.abc import Sequence
from dataclasses import dataclass

from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.tables import Figure, figure
from crossmodal.report.verdicts import Hypothesis


@dataclass(frozen=True, slots=True)
class Reach:
    """One claim: what it is about, what its comparison gives where both sides are alike, and what it could see."""

    id: str
    statement: str
    target: str
    queries: str
    seeds: str
    """Training seeds of the cell with the fewest; "one seed" where the interval covers no training."""
    aa: Figure | None
    smallest: Figure | None


def reaches(hypotheses: Sequence[Hypothesis], numbers: Numbers) -> list[Reach]:
    """Return a row for each claim whose number rests on queries or on seeds, in the order of the claims."""
    found = []
    for hypothesis in hypotheses:
        number = numbers.get(hypothesis.number_id)
        if number is not None and (number.n_queries or number.n_seeds):
            found.append(
                Reach(
                    hypothesis.id,
                    hypothesis.statement,
                    hypothesis.target,
                    f"{number.n_queries:,}" if number.n_queries else "",
                    seeds_of(number),
                    figure(numbers, numbers.get(hypothesis.aa), unit=True),
                    figure(numbers, numbers.get(hypothesis.smallest), unit=True),
                )
            )
    return found


def seeds_of(number: Number) -> str:
    """Return how many training seeds a number rests on, in words; nothing where that does not apply."""
    if number.n_seeds is None:
        return ""
    return "one seed" if number.n_seeds == 1 else f"{number.n_seeds} seeds"
