"""Verdicts on the claims under test, by one rule from one interval each.

A claim says that a number is above (or below) its target. It is `supported` if the whole interval is beyond
the target, `refuted` if the whole interval is on the other side or touches the target from there, and
`inconclusive` otherwise, as when the number is missing, has no interval, or was measured at another scale.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from crossmodal.statistics.claims import Alternatives, Claim
from crossmodal.statistics.numbers import Number

Verdict = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A claim with its verdict, as it stands in hypotheses.json."""

    id: str
    statement: str
    target: float
    measured: float | None
    ci_low: float | None
    ci_high: float | None
    verdict: Verdict
    number_ids: list[str]
    note: str
    relation: str
    unit: str
    beside: bool = False
    """Whether it is reported beside its hypothesis, which is not judged by it."""


def judge(claims: Iterable[Claim], numbers: Iterable[Number]) -> list[Hypothesis]:
    """Return a verdict on every claim, in the order of `claims`."""
    known = {number.number_id: number for number in numbers}
    return [_judge(claim, known) for claim in claims]


def rollup(hypotheses: Iterable[Hypothesis]) -> dict[str, Verdict]:
    """Return a verdict on each whole hypothesis: refuted if any part is, supported if all parts are.

    What is reported beside it is no part; with nothing else it is inconclusive.
    """
    parts: dict[str, list[Verdict]] = {}
    for hypothesis in hypotheses:
        verdicts = parts.setdefault(hypothesis.id.partition(".")[0], [])
        verdicts += [] if hypothesis.beside else [hypothesis.verdict]
    return {
        name: "refuted" if "refuted" in verdicts
        else "supported" if verdicts and all(verdict == "supported" for verdict in verdicts)
        else "inconclusive"
        for name, verdicts in parts.items()
    }  # fmt: skip


def verdict_of(low: float, high: float, relation: Literal[">", "<"], target: float) -> Verdict:
    """Return what the interval [low, high] says about "measured `relation` target"."""
    if relation == "<":
        low, high, target = -high, -low, -target
    if low > target:
        return "supported"
    return "refuted" if high <= target else "inconclusive"


def write_hypotheses(path: Path, hypotheses: Iterable[Hypothesis]) -> None:
    """Write hypotheses.json: a list, one object a claim."""
    rows = [asdict(hypothesis) for hypothesis in hypotheses]
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _judge(claim: Claim, known: Mapping[str, Number]) -> Hypothesis:
    number, reason = known.get(claim.number), ""
    if number is None and claim.instead:
        number = known.get(claim.instead[0])
        reason = claim.instead[1] if number else ""
    context = [
        (what, found) for what, name in claim.context if (found := known.get(name)) and found is not number
    ]
    ids = [number.number_id] if number else []
    ids += [found.number_id for _, found in context]
    note = "; ".join(f"{what}: {_written(found)}" for what, found in context)
    if claim.control and (twice := known.get(claim.control[1])):
        ids.append(twice.number_id)
        note = _join(note, _controlled(claim.control[0], twice))
    if number is None:
        return _hypothesis(
            claim, None, "inconclusive", ids, _join(note, f"Not measured: no number {claim.number}.")
        )
    if (asked := claim.alternatives) and number.value is not None and number.value < asked.below:
        others = [(cell, found) for cell, name in asked.numbers if (found := known.get(name))]
        ids += [found.number_id for _, found in others]
        note = _join(note, _asked_for(asked, others))
    if number.value is None or number.ci_low is None or number.ci_high is None:
        reason = _join(reason, "It has no finite interval: what it is divided by is not clearly above zero.")
        return _hypothesis(claim, number, "inconclusive", ids, _join(note, reason))
    if claim.scale:
        scale = known.get(claim.scale[0])
        size = scale.value if scale else None
        ids += [scale.number_id] if scale else []
        if size is None or size < claim.scale[1]:
            at = "an unknown number of" if size is None else f"{size:,.0f}"
            reason = f"Measured at {at} items, the claim is about {claim.scale[1]:,.0f}."
            return _hypothesis(claim, number, "inconclusive", ids, _join(note, reason))
    verdict = verdict_of(number.ci_low, number.ci_high, claim.relation, claim.target)
    return _hypothesis(claim, number, verdict, ids, _join(note, reason))


def _asked_for(asked: Alternatives, others: Sequence[tuple[str, Number]]) -> str:
    told = "; ".join(f"{cell}: {_written(number)}" for cell, number in others)
    head = f"Below {100 * asked.below:.0f} % the proposal asks for {asked.asked}"
    return f"{head}: {told}." if told else f"{head}; this study has neither."


def _controlled(what: str, twice: Number) -> str:
    """Say how far one thing measured twice differs from itself, and what follows where that is not by chance."""
    if twice.value is None or twice.ci_low is None or twice.ci_high is None:
        return f"{what}: {_written(twice)}."
    low, high = (replace(twice, value=bound) for bound in (twice.ci_low, twice.ci_high))
    told = f"{what}: {_written(twice)} [{_written(low)}, {_written(high)}]."
    if twice.ci_low <= 0 <= twice.ci_high:
        return told
    error = replace(twice, value=max(abs(twice.ci_low), abs(twice.ci_high)))
    return f"{told} That interval excludes 0: no such difference can be trusted to better than {_written(error)}."


def _hypothesis(
    claim: Claim, number: Number | None, verdict: Verdict, ids: list[str], note: str
) -> Hypothesis:
    value, low, high = (number.value, number.ci_low, number.ci_high) if number else (None, None, None)
    return Hypothesis(
        claim.id, claim.statement, claim.target, value, low, high, verdict, ids, note, claim.relation,
        claim.unit, claim.beside,
    )  # fmt: skip


def _written(number: Number) -> str:
    if number.value is None:
        return "undefined"
    if number.unit == "fraction":
        return _signed(f"{100 * number.value:.1f}") + " %"
    return f"{_signed(f'{number.value:,.4g}')} {number.unit}"


def _signed(text: str) -> str:
    """Return a number's text with a minus sign in place of a hyphen, in front and in an exponent."""
    return text.replace("-", "−")


def _join(note: str, *sentences: str) -> str:
    """Return a note that is a list of values or nothing, and what is to be said after it."""
    told = [sentence for sentence in sentences if sentence]
    if note and told and not note.endswith("."):
        note += "."
    return " ".join([note, *told] if note else told)
