"""The claims under test, as data: a later hypothesis adds entries to CLAIMS.

A claim says that a number is above (or below) its target; `hypotheses.py` judges it.
"""

from dataclasses import dataclass
from typing import Literal


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
    role: str = ""
    """The name, in braces in `number`, of the cell that the claim is about."""
    instead: tuple[str, str] | None = None
    """A number id that is judged where `number` cannot exist, and the remark that says so."""
    contingency: float | None = None
    """Below this value the proposal asks for CONTINGENCIES; what they reach goes into the note."""
    attacks: bool = False
    """Whether the note says what the strongest attacks degrade of the cell."""


CONTINGENCIES = {"lora_blocks": "LoRA with the last blocks unfrozen", "adalora": "rank allocation"}
"""The methods that the proposal asks for where one keeps less than 90 % of full fine-tuning's recall."""

_RETENTION = "peft/{%s}/s*/{%s}/test/clean/%s/retention_recall@%d"
_GAIN = "peft/{%s}/s*/{%s}/test/clean/mean/normalised_gain_recall@%d"
_PARAMETERS = "peft/{peft}/s*/-/-/-/-/%s"
_LATENCY = "peft/{peft}/s*/-/-/%s/-/saved_latency_%s"
_SHIFTS = "robustness/{%s}/s*/{target}/test/%s/%s/degradation_recall@1"
_SEARCH = "search/{search_cell}/s*/{target}/test/%s/text_to_image/%s"
_RERANKED = "{search_index}+rerank"


def _retained(k: int, domain: str = "") -> Claim:
    """Return the claim about recall@k on the target, or on the domain `second`."""
    cell, reference = (f"{domain}_peft", f"{domain}_reference") if domain else ("peft", "reference")
    dataset = domain or "target"
    return Claim(
        f"H1.recall@{k}" + (f".{domain}" if domain else ""),
        f"{{{cell}}} keeps more than 95 % of the recall@{k} of {{{reference}}} on {{{dataset}}}",
        _RETENTION % (cell, dataset, "mean", k), ">", 0.95,
        context=(
            ("text to image", _RETENTION % (cell, dataset, "text_to_image", k)),
            ("image to text", _RETENTION % (cell, dataset, "image_to_text", k)),
            ("share of the gain over {baseline}", _GAIN % (cell, dataset, k)),
        ),
        role=cell, contingency=0.90,
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
            ("mean over shifts of texts", _SHIFTS % (role, "text-shifts-mean", "mean")),
        ),
        role=role, attacks=True,
    )  # fmt: skip


CLAIMS: tuple[Claim, ...] = (
    _retained(1),
    _retained(5),
    _retained(1, "second"),
    _retained(5, "second"),
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
        instead=(_LATENCY % ("unmerged", "pair"), "Measured unmerged: its method cannot be folded."),
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
