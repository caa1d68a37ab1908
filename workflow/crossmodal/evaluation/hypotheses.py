"""Verdicts on the claims under test, by one rule from one interval each.

A claim says that a number is above (or below) its target. It is `supported` if the whole interval is beyond
the target, `refuted` if the whole interval is on the other side or touches the target from there, and
`inconclusive` otherwise, as when the number is missing, has no interval, or was measured at another scale.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Formatter
from typing import Literal

from crossmodal.evaluation.claims import CLAIMS, CONTINGENCIES, Claim
from crossmodal.evaluation.numbers import ALL_SEEDS, Number
from crossmodal.evaluation.records import CellFacts
from crossmodal.evaluation.settings import HypothesisParameters
from crossmodal.evaluation.threat_names import split_variant

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


def judge(
    numbers: Iterable[Number],
    target: str,
    roles: HypothesisParameters,
    cells: Mapping[str, CellFacts] | None = None,
    claims: Sequence[Claim] = CLAIMS,
) -> list[Hypothesis]:
    """Return a verdict on every claim about the dataset `target`, in the order of `claims`.

    Claims about a role that `roles` give to no cell or index are left out: there is nothing to claim it of.
    `cells` says which cells the contingencies of a claim are.
    """
    known = {number.number_id: number for number in numbers}
    names = {key: value for key, value in roles.model_dump().items() if isinstance(value, str)}
    names = {"target": target} | names
    if "search_cell" not in names and "peft" in names:
        names["search_cell"] = names["peft"]
    if roles.second:
        second = roles.second
        names |= {
            "second": second.dataset,
            "second_peft": second.peft,
            "second_reference": second.reference,
        }
    judged = [claim for claim in claims if _roles(claim) <= names.keys()]
    return [_judge(claim, known, names, cells or {}) for claim in judged]


def _roles(claim: Claim) -> set[str]:
    """Return the roles, in braces, that a claim is about."""
    parsed = Formatter().parse(claim.statement + claim.number)
    return {field for _, field, _, _ in parsed if field}


def rollup(hypotheses: Iterable[Hypothesis]) -> dict[str, Verdict]:
    """Return a verdict on each whole hypothesis: refuted if any part is, supported if all parts are."""
    parts: dict[str, list[Verdict]] = {}
    for hypothesis in hypotheses:
        parts.setdefault(hypothesis.id.partition(".")[0], []).append(hypothesis.verdict)
    return {
        name: "refuted" if "refuted" in verdicts
        else "supported" if all(verdict == "supported" for verdict in verdicts)
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


def _judge(
    claim: Claim, known: Mapping[str, Number], names: dict[str, str], cells: Mapping[str, CellFacts]
) -> Hypothesis:
    statement, wanted = claim.statement.format_map(names), claim.number.format_map(names)
    number, reason = known.get(wanted), ""
    if number is None and claim.instead:
        number = _find(claim.instead[0], known, names)
        reason = claim.instead[1] if number else ""
    context = [
        (what.format_map(_Placeholders(names)), found)
        for what, template in claim.context
        if (found := _find(template, known, names)) and found is not number
    ]
    context += strongest_attacks(known, names[claim.role]) if claim.attacks else []
    ids = [number.number_id] if number else []
    ids += [found.number_id for _, found in context]
    note = "; ".join(f"{what}: {_written(found)}" for what, found in context)
    if number is None:
        reason = f"Not measured: no number {wanted}."
    elif claim.contingency is not None and number.value is not None and number.value < claim.contingency:
        others = contingencies(claim, known, names, cells)
        ids += [found.number_id for _, found in others]
        note = _join(f"{note}." if note else "", _contingency_note(claim.contingency, others))

    if number is None:
        return _hypothesis(claim, statement, None, "inconclusive", ids, _join(reason, note))
    if number.value is None or number.ci_low is None or number.ci_high is None:
        reason = _join(reason, "It has no finite interval: what it is divided by is not clearly above zero.")
        return _hypothesis(claim, statement, number, "inconclusive", ids, _join(reason, note))
    if claim.scale:
        scale = _find(claim.scale[0], known, names)
        size = scale.value if scale else None
        ids += [scale.number_id] if scale else []
        if size is None or size < claim.scale[1]:
            at = "an unknown number of" if size is None else f"{size:,.0f}"
            reason = f"Measured at {at} items, the claim is about {claim.scale[1]:,.0f}."
            return _hypothesis(claim, statement, number, "inconclusive", ids, _join(reason, note))
    verdict = verdict_of(number.ci_low, number.ci_high, claim.relation, claim.target)
    return _hypothesis(claim, statement, number, verdict, ids, _join(reason, note))


def contingencies(
    claim: Claim, known: Mapping[str, Number], names: Mapping[str, str], cells: Mapping[str, CellFacts]
) -> list[tuple[str, Number]]:
    """Return the number of `claim` for the cells of CONTINGENCIES that have the same target as its own cell."""
    own = cells.get(names[claim.role])
    fitting = [
        cell
        for cell, facts in cells.items()
        if own and facts.method in CONTINGENCIES and facts.dataset == own.dataset and not facts.adversarial
    ]
    found = [(cell, known.get(claim.number.format_map({**names, claim.role: cell}))) for cell in fitting]
    return [(cell, number) for cell, number in found if number]


def strongest_attacks(known: Mapping[str, Number], cell: str) -> list[tuple[str, Number]]:
    """Return, for each threat, the degradation of recall@1 of `cell` under the largest epsilon."""
    strongest: dict[str, tuple[float, Number]] = {}
    for number in known.values():
        here = (number.experiment, number.cell, number.seed, number.metric)
        if here == ("attack", cell, ALL_SEEDS, "degradation_recall@1"):
            threat, epsilon = split_variant(number.variant)
            if threat not in strongest or epsilon > strongest[threat][0]:
                strongest[threat] = (epsilon, number)
    return [(f"under attack ({number.variant})", number) for _, number in strongest.values()]


def _contingency_note(bound: float, others: Sequence[tuple[str, Number]]) -> str:
    asked = " or ".join(CONTINGENCIES.values())
    told = "; ".join(f"{cell}: {_written(number)}" for cell, number in others)
    head = f"Below {100 * bound:.0f} % the proposal asks for {asked}"
    return f"{head}: {told}." if told else f"{head}; this study has neither."


class _Placeholders(dict[str, str]):
    """Names for what stands beside a claim: one that the study does not give stands as its role, in no id."""

    def __missing__(self, key: str) -> str:
        return key


def _hypothesis(
    claim: Claim, statement: str, number: Number | None, verdict: Verdict, ids: list[str], note: str
) -> Hypothesis:
    value, low, high = (number.value, number.ci_low, number.ci_high) if number else (None, None, None)
    return Hypothesis(
        claim.id, statement, claim.target, value, low, high, verdict, ids, note, claim.relation, claim.unit
    )


def _find(template: str, known: Mapping[str, Number], names: dict[str, str]) -> Number | None:
    return known.get(template.format_map(_Placeholders(names)))


def _written(number: Number) -> str:
    if number.value is None:
        return "undefined"
    if number.unit == "fraction":
        return f"{100 * number.value:.1f} %"
    return f"{number.value:,.4g} {number.unit}"


def _join(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
