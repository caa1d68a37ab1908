"""The claims of H2."""

from collections.abc import Iterator, Mapping
from typing import Literal

from crossmodal.experiments.robustness.params import KEY, Pair, Params
from crossmodal.experiments.robustness.selection import GAINED
from crossmodal.experiments.robustness.threat_names import split_variant
from crossmodal.experiments.robustness.threats import ThreatModel, points
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts

LOST = "degradation_recall@1"
SAVED = "degradation_difference_recall@1"
SAVED_WITHOUT = "control_difference_degradation_recall@1"
GAINED_RECALL = "difference_recall@1"
ASKED: dict[ThreatModel, str] = {
    "query-image": "image_to_text",
    "gallery-image": "text_to_image",
    "text": "text_to_image",
}
"""The direction of the queries that each threat model attacks."""


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the cells that `params` name; `target` is the dataset of the study.

    H2 is judged by the pairs. The proposal's two thresholds, each on one cell alone, are reported beside it: how
    far a cell falls says as much of the shifts as of its training.
    """
    for name, pair in params.pairs.items():
        yield _pair(name, pair, target, params.without)
    if params.adversarial:
        yield _degraded("adversarial", params.adversarial, "<", 0.05, target, params)
    if params.standard:
        yield _degraded("standard", params.standard, ">", 0.15, target, params)


def _pair(name: str, pair: Pair, target: str, without: str | None) -> Claim:
    def saved(variant: str, direction: str = "mean") -> str:
        return f"robustness/{pair.adversarial}/s*/{target}/test/{variant}/{direction}/{SAVED}"

    def each(what: str, cell_id: str) -> Iterator[tuple[str, str]]:
        for cell in (pair.standard, pair.adversarial):
            yield f"{what} of {cell}", cell_id.format(cell)

    validation = f"peft/{{}}/s*/{target}/val/clean/mean"
    beside = f"robustness/{pair.standard}/s*/{target}/test/shifts-mean/mean"
    return Claim(
        f"{KEY}.{name}",
        f"adversarial training lowers the loss of {pair.standard} under shift",
        saved("shifts-mean"), ">", 0.0,
        context=(
            ("text to image", saved("shifts-mean", "text_to_image")),
            ("image to text", saved("shifts-mean", "image_to_text")),
            ("shifts of texts", saved("text-shifts-mean")),
            *each("loss", f"robustness/{{}}/s*/{target}/test/shifts-mean/mean/{LOST}"),
            *each("recall@1 under shift", f"robustness/{{}}/s*/{target}/test/shifts-mean/mean/recall@1"),
            *each("clean recall@1", f"peft/{{}}/s*/{target}/test/clean/mean/recall@1"),
            # The claim supposes that training made the twin robust to what it was trained against.
            *each("validation recall@1 under attack", f"{validation}/validation_robust_recall@1"),
        ),
        needs=(
            f"{validation.format(pair.adversarial)}/{GAINED}",
            f"what {pair.adversarial} withstands beyond {pair.standard} on validation data",
        ),
        control=(f"{without}, trained on no attack, in its place", f"{beside}/{SAVED_WITHOUT}")
        if without
        else None,
        trained=True,
        aa=f"{beside}/aa_difference_{LOST}",
        smallest=f"{beside}/smallest_visible_{LOST}",
    )  # fmt: skip


def _degraded(
    name: str, cell: str, relation: Literal[">", "<"], bound: float, target: str, params: Params
) -> Claim:
    def lost(variant: str, direction: str = "mean") -> str:
        return f"robustness/{cell}/s*/{target}/test/{variant}/{direction}/{LOST}"

    words = "less" if relation == "<" else "more"
    return Claim(
        f"{KEY}.{name}",
        f"{cell} loses {words} than {100 * bound:.0f} % of its recall@1, mean over the kinds of rendered shifts "
        "(reported beside)",
        lost("shifts-mean"), relation, bound,
        context=(
            ("text to image", lost("shifts-mean", "text_to_image")),
            ("image to text", lost("shifts-mean", "image_to_text")),
            ("worst kind of shift", lost("shifts-worst")),
            ("mean over shifts of texts", lost("text-shifts-mean")),
            *strongest_attacks(cell, target, params),
        ),
        trained=True,
        beside=True,
    )  # fmt: skip


def strongest_attacks(cell: str, target: str, params: Params) -> list[tuple[str, str]]:
    """Return what the note says of each threat: the degradation of `cell` under its largest epsilon."""
    # Of each threat the last point has the largest epsilon.
    strongest = {split_variant(point.name)[0]: point for point in points(params.attacks)}
    return [
        (f"under attack ({point.name})", f"attack/{cell}/s*/{target}/test/{point.name}/{direction}/{LOST}")
        for point in strongest.values()
        for direction in [ASKED[point.threat.threat]]
    ]
