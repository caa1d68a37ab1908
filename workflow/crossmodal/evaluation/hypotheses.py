"""Verdicts on the claims under test, by one rule from one interval each.

A claim says that a number is above (or below) its target. It is `supported` if the whole interval is beyond
the target, `refuted` if the whole interval is on the other side or touches the target from there, and
`inconclusive` otherwise, as when the number is missing, has no interval, or was measured at another scale.
Claims are data: a later hypothesis adds entries to CLAIMS.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from crossmodal.evaluation.numbers import Number
from crossmodal.evaluation.settings import HypothesisParameters

Verdict = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One measurable statement. Number ids are templates; names in braces are filled from the parameters."""

    id: str
    statement: str
    number: str
    relation: Literal[">", "<"]
    target: float
    unit: str = "fraction"
    context: tuple[tuple[str, str], ...] = ()
    """Further numbers for the note, as (what it is, number id)."""
    scale: tuple[str, float] | None = None
    """A number id and the least value of it at which the claim is meant."""


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


_RETENTION = "peft/{peft}/s*/{target}/test/clean/%s/retention_recall@%d"
_GAIN = "peft/{peft}/s*/{target}/test/clean/mean/normalised_gain_recall@%d"
_PARAMETERS = "peft/{peft}/s*/-/-/-/-/%s"
_LATENCY = "peft/{peft}/s*/-/-/%s/-/saved_latency_%s"
_SHIFTS = "robustness/{%s}/s*/{target}/test/%s/%s/degradation_recall@1"
_SEARCH = "search/{search_cell}/s*/{target}/test/%s/text_to_image/%s"
_RERANKED = "{search_index}+rerank"


def _retained(k: int) -> Claim:
    return Claim(
        f"H1.recall@{k}",
        f"{{peft}} keeps more than 95 % of the recall@{k} of {{reference}} on {{target}}",
        _RETENTION % ("mean", k), ">", 0.95,
        context=(
            ("text to image", _RETENTION % ("text_to_image", k)),
            ("image to text", _RETENTION % ("image_to_text", k)),
            ("share of the gain over {baseline}", _GAIN % k),
        ),
    )  # fmt: skip


def _degraded(name: str, role: str, relation: Literal[">", "<"], target: float) -> Claim:
    words = "less" if relation == "<" else "more"
    return Claim(
        f"H2.{name}",
        f"{{{role}}} loses {words} than {100 * target:.0f} % of its recall@1, mean over the rendered shifts",
        _SHIFTS % (role, "shifts-mean", "mean"), relation, target,
        context=(
            ("text to image", _SHIFTS % (role, "shifts-mean", "text_to_image")),
            ("image to text", _SHIFTS % (role, "shifts-mean", "image_to_text")),
            ("worst shift", _SHIFTS % (role, "shifts-worst", "mean")),
        ),
    )  # fmt: skip


CLAIMS: tuple[Claim, ...] = (
    _retained(1),
    _retained(5),
    Claim(
        "H1.parameters",
        "{peft} trains 98 % fewer parameters than {reference}",
        _PARAMETERS % "saved_parameters", ">", 0.98,
        context=(
            ("without token embeddings", _PARAMETERS % "saved_parameters_without_tokens"),
            ("token embeddings' share of the model", _PARAMETERS % "token_embeddings_share"),
        ),
    ),
    Claim(
        "H1.latency",
        "{peft}, merged, encodes an image and a caption in 40 % less time than {reference}",
        _LATENCY % ("merged", "pair"), ">", 0.40,
        context=(
            ("unmerged", _LATENCY % ("unmerged", "pair")),
            ("image, merged", _LATENCY % ("merged", "image")),
            ("text, merged", _LATENCY % ("merged", "text")),
        ),
    ),
    _degraded("adversarial", "adversarial", "<", 0.05),
    _degraded("standard", "standard", ">", 0.15),
    Claim(
        "H3.latency",
        "{search_index} with re-ranking answers 95 % of queries within 50 ms at 10 million items",
        _SEARCH % (_RERANKED, "latency_p95"), "<", 50.0, "ms",
        context=(
            ("p50", _SEARCH % (_RERANKED, "latency_p50")),
            ("p99", _SEARCH % (_RERANKED, "latency_p99")),
        ),
        scale=(_SEARCH % (_RERANKED, "items"), 10_000_000),
    ),
    Claim(
        "H3.recall",
        "{search_index} with re-ranking loses less than 2 % of the recall@10 of exhaustive search",
        _SEARCH % (_RERANKED, "loss_recall@10"), "<", 0.02,
        context=(
            ("without re-ranking", _SEARCH % ("{search_index}", "loss_recall@10")),
            ("index against exhaustive search", _SEARCH % ("{search_index}", "index_recall@10")),
        ),
    ),
)  # fmt: skip


def judge(
    numbers: Iterable[Number], target: str, roles: HypothesisParameters, claims: Sequence[Claim] = CLAIMS
) -> list[Hypothesis]:
    """Return a verdict on every claim about the dataset `target`, in the order of `claims`."""
    known = {number.number_id: number for number in numbers}
    names = {key: value for key, value in roles.model_dump().items() if isinstance(value, str)}
    names = {"target": target} | names
    if "search_cell" not in names and "peft" in names:
        names["search_cell"] = names["peft"]
    return [_judge(claim, known, names) for claim in claims]


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


def _judge(claim: Claim, known: Mapping[str, Number], names: dict[str, str]) -> Hypothesis:
    statement = claim.statement.format_map(_Placeholders(names))
    try:
        wanted = claim.number.format_map(names)
    except KeyError as missing:
        note = f"The study names no cell or index as {missing.args[0]}."
        return _hypothesis(claim, statement, None, "inconclusive", [], note)
    number = known.get(wanted)
    context = [
        (what.format_map(_Placeholders(names)), _find(template, known, names))
        for what, template in claim.context
    ]
    ids = [wanted] if number else []
    ids += [found.number_id for _, found in context if found and found.number_id not in ids]
    note = "; ".join(f"{what}: {_written(found)}" for what, found in context if found)

    if number is None:
        return _hypothesis(
            claim, statement, None, "inconclusive", ids, _join(f"Not measured: no number {wanted}.", note)
        )
    if number.value is None or number.ci_low is None or number.ci_high is None:
        reason = "It has no finite interval: what it is divided by is not clearly above zero."
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
    return _hypothesis(claim, statement, number, verdict, ids, note)


class _Placeholders(dict[str, str]):
    """Names for statements: one that the study does not give stands as its role."""

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
