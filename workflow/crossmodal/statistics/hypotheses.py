"""Verdicts on the claims under test, by one rule from one interval each.

A claim says that a number is above (or below) its target. It is `supported` if the whole interval is beyond
the target, `refuted` if the whole interval is on the other side or touches the target from there, and
`inconclusive` otherwise, as when the number is missing, has no interval, or was measured at another scale; when
what it is compared with gained nothing, or that was not measured; when it is about training and rests on one seed;
and when the comparison of the reference with itself is wider than the claim's margin.

A hypothesis of several claims is supported if all are (each is tested at the full level: Berger 1982), refuted if
at least one is refuted after Holm's correction over all of them, and inconclusive otherwise.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from crossmodal.statistics.aa import margin, too_wide
from crossmodal.statistics.claims import Alternatives, Claim
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.targets import holm, p_value_id

Verdict = Literal["supported", "refuted", "inconclusive"]
_DIGITS = 6
"""The most decimals that tell a value from its target."""


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
    aa: str | None = None
    """Id of the reference beside itself, if that was measured."""
    smallest: str | None = None
    """Id of the smallest effect that could have been seen, if that is known."""
    beside: bool = False
    p_value: float = 1.0
    """One-sided, of the claim being true; 1 where it cannot be judged."""
    p_holm: float | None = None
    """The same, corrected for how many claims the hypothesis has; null for one that is reported beside."""
    whole: Verdict = "inconclusive"
    """The verdict on the hypothesis that it is a part of."""


def judge(claims: Iterable[Claim], numbers: Iterable[Number], level: float = 0.95) -> list[Hypothesis]:
    """Return a verdict on every claim, in the order of `claims`; `level` is the coverage of the intervals."""
    known = {number.number_id: number for number in numbers}
    alpha = (1 - level) / 2
    judged = [_judge(claim, known, alpha) for claim in claims]
    parts: dict[str, list[Hypothesis]] = {}
    for hypothesis in judged:
        parts.setdefault(_whole(hypothesis), []).append(hypothesis)
    for name, own in parts.items():
        parts[name] = _together(own, alpha)
    return [parts[_whole(hypothesis)].pop(0) for hypothesis in judged]


def rollup(hypotheses: Iterable[Hypothesis]) -> dict[str, Verdict]:
    """Return the verdict on each whole hypothesis by its name."""
    return {_whole(hypothesis): hypothesis.whole for hypothesis in hypotheses}


def _whole(hypothesis: Hypothesis) -> str:
    return hypothesis.id.partition(".")[0]


def _together(parts: Sequence[Hypothesis], alpha: float) -> list[Hypothesis]:
    """Return the claims of one hypothesis with their corrected p-values and the verdict on the whole."""
    counted = [part for part in parts if not part.beside]
    corrected = dict(
        zip(
            (part.id for part in counted), holm([part.p_value for part in counted]), strict=True
        )
    )  # fmt: skip
    whole: Verdict = "inconclusive"
    if counted and all(part.verdict == "supported" for part in counted):
        whole = "supported"
    elif any(part.verdict == "refuted" and corrected[part.id] <= alpha * (1 + 1e-9) for part in counted):
        whole = "refuted"
    return [replace(part, p_holm=corrected.get(part.id), whole=whole) for part in parts]


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


def _judge(claim: Claim, known: Mapping[str, Number], alpha: float) -> Hypothesis:
    number, reason = known.get(claim.number), ""
    if number is None and claim.instead:
        number = known.get(claim.instead[0])
        reason = claim.instead[1] if number else ""
    context = [
        (what, found) for what, name in claim.context if (found := known.get(name)) and found is not number
    ]
    ids = [number.number_id] if number else []
    ids += [found.number_id for _, found in context]
    note = "; ".join(f"{what}: {_written(found, claim.target)}" for what, found in context)
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
    obstacles = []
    if number.value is None or number.ci_low is None or number.ci_high is None:
        obstacles.append("It has no finite interval: what it is divided by is not clearly above zero.")
    told = (
        _out_of_scale(claim, known),
        _gained_nothing(claim, known),
        _one_seed(claim, number),
        _aa(claim, known),
    )
    for rests_on, sentence in told:
        ids += rests_on
        obstacles += [sentence] if sentence else []
    own = replace(
        _hypothesis(claim, number, "inconclusive", ids, _join(note, reason, *obstacles)),
        aa=claim.aa if claim.aa in known else None,
        smallest=claim.smallest if claim.smallest in known else None,
    )
    if obstacles or number.ci_low is None or number.ci_high is None:
        return own
    verdict = verdict_of(number.ci_low, number.ci_high, claim.relation, claim.target)
    stated = known.get(p_value_id(number.number_id))
    p_value = stated.value if stated else None
    if p_value is None:  # then the interval says what is known of it: nothing is estimated, or at most alpha
        exact = number.ci_low == number.ci_high
        p_value = (0.0 if exact else alpha) if verdict == "refuted" else 1.0
    return replace(
        own, verdict=verdict, p_value=p_value, number_ids=[*ids, *([stated.number_id] if stated else [])]
    )


Obstacle = tuple[list[str], str]
"""What a claim cannot be judged by: ids of numbers, and the sentence that says so or nothing."""


def _out_of_scale(claim: Claim, known: Mapping[str, Number]) -> Obstacle:
    if not claim.scale:
        return [], ""
    scale = known.get(claim.scale[0])
    size = scale.value if scale else None
    if size is not None and size >= claim.scale[1]:
        return [claim.scale[0]], ""
    at = "an unknown number of" if size is None else f"{size:,.0f}"
    ids = [claim.scale[0]] if scale else []
    return ids, f"Measured at {at} items, the claim is about {claim.scale[1]:,.0f}."


def _gained_nothing(claim: Claim, known: Mapping[str, Number]) -> Obstacle:
    if not claim.needs:
        return [], ""
    gain = known.get(claim.needs[0])
    if gain is None:
        return [], f"Cannot be judged: {claim.needs[1]} is not measured."
    if _above_zero(gain):
        return [gain.number_id], ""
    return [gain.number_id], (
        f"Cannot be judged: {claim.needs[1]} is not clearly above zero ({_written(gain)}{_interval(gain)})."
    )


def _above_zero(number: Number) -> bool:
    """Return whether a number is clearly above zero: its interval, or itself where it has none by its nature."""
    low = number.value if number.ci_low is None and number.n_queries is None else number.ci_low
    return low is not None and low > 0


def _one_seed(claim: Claim, number: Number) -> Obstacle:
    if not claim.trained or number.n_seeds != 1:
        return [], ""
    return [], "Cannot be judged: it rests on one seed, and its interval leaves out what training varies."


def _aa(claim: Claim, known: Mapping[str, Number]) -> Obstacle:
    aa = known.get(claim.aa or "")
    smallest = known.get(claim.smallest or "")
    ids = [number.number_id for number in (aa, smallest) if number]
    if aa is None or not too_wide(aa, claim.target):
        return ids, ""
    sentence = (
        f"Cannot be judged: the reference beside itself, with other seeds, gives {_written(aa)}{_interval(aa)}, "
        f"wider than the claim's margin of {100 * margin(aa, claim.target):.3g} %"
    )
    if smallest and smallest.value is not None:
        sentence += f"; the smallest effect to be seen is {_written(smallest)}"
    return ids, f"{sentence}."


def _interval(number: Number) -> str:
    if number.ci_low is None or number.ci_high is None:
        return ", no finite interval"
    ends = (number.ci_low, number.ci_high)
    if number.unit != "fraction":
        low, high = (_signed(f"{end:,.4g}") for end in ends)
    else:
        low, high = (_signed(f"{100 * end:.1f}") for end in ends)
    return f" [{low}, {high}]"


def _asked_for(asked: Alternatives, others: Sequence[tuple[str, Number]]) -> str:
    told = "; ".join(f"{cell}: {_written(number)}" for cell, number in others)
    head = f"Below {100 * asked.below:.0f} % the proposal asks for {asked.asked}"
    return f"{head}: {told}." if told else f"{head}; this study has neither."


def _controlled(what: str, twice: Number) -> str:
    """Say how far one thing measured twice differs from itself, and what follows where that is not by chance."""
    if twice.value is None or twice.ci_low is None or twice.ci_high is None:
        return f"{what}: {_written(twice)}."
    told = f"{what}: {_written(twice)}{_interval(twice)}."
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
        claim.unit, beside=claim.beside,
    )  # fmt: skip


def _written(number: Number, target: float | None = None) -> str:
    """Return a value as a note states it: a share in per cent, with enough digits to be told from `target`."""
    if number.value is None:
        return "undefined"
    if number.unit != "fraction":
        return f"{_signed(f'{number.value:,.4g}')} {number.unit}"
    decimals = 1
    while target is not None and decimals < _DIGITS and not math.isclose(number.value, target, abs_tol=1e-9):
        if f"{100 * number.value:.{decimals}f}" != f"{100 * target:.{decimals}f}":
            break
        decimals += 1
    return _signed(f"{100 * number.value:.{decimals}f}") + " %"


def _signed(text: str) -> str:
    """Return a number's text with a minus sign in place of a hyphen, in front and in an exponent."""
    return text.replace("-", "−")


def _join(note: str, *sentences: str) -> str:
    """Return a note that is a list of values or nothing, and what is to be said after it."""
    told = [sentence for sentence in sentences if sentence]
    if note and told and not note.endswith("."):
        note += "."
    return " ".join([note, *told] if note else told)
