"""A claim under test, as data: a number is above (or below) its target. `hypotheses` judges it.

Each experiment makes its own claims, with the cells that the study names for them; a claim whose cell or index is
not named is not made.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Other cells to look at where a claim fails badly: contingencies that the proposal asks for."""

    below: float
    """The value of the claim's number below which they are asked for, a fraction."""
    asked: str
    """What the proposal asks for, in words."""
    numbers: tuple[tuple[str, str], ...] = ()
    """What this study has of it, as (cell, number id)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One measurable statement."""

    id: str
    """The key of the experiment and a name, such as `H1.recall@1`."""
    statement: str
    number: str
    """The id of the number that it is about."""
    relation: Literal[">", "<"]
    target: float
    unit: str = "fraction"
    context: tuple[tuple[str, str], ...] = ()
    """Further numbers for the note, as (what it is, number id); what was not measured is left out."""
    scale: tuple[str, float] | None = None
    """A number id and the least value of it at which the claim is meant."""
    instead: tuple[str, str] | None = None
    """A number id that is judged where `number` cannot exist, and the remark that says so."""
    alternatives: Alternatives | None = None
    control: tuple[str, str] | None = None
    """What the number of an A/A comparison is of, in words, and its id: the same thing measured twice, 0 but for
    the error of measuring. Where its interval excludes 0 the note says what cannot be trusted."""
    aa: str | None = None
    """The number id of the comparison of the reference with itself: where its interval is wider than the margin
    of the claim, the claim cannot be judged."""
    smallest: str | None = None
    """The number id of the smallest effect that the comparison could have seen."""
    needs: tuple[str, str] | None = None
    """A number id that must be clearly above zero for the claim to say anything, and what it is."""
    trained: bool = False
    """Whether it is about what training gives: then one seed cannot decide it."""
    beside: bool = False
    """Whether it is only reported beside the others: the verdict on the whole hypothesis leaves it out."""
