"""The claims of H2."""

from collections.abc import Iterator, Mapping
from typing import Literal

from crossmodal.experiments.robustness.params import KEY, Params
from crossmodal.experiments.robustness.threat_names import split_variant
from crossmodal.experiments.robustness.threats import ThreatModel, points
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts

LOST = "degradation_recall@1"
ASKED: dict[ThreatModel, str] = {
    "query-image": "image_to_text",
    "gallery-image": "text_to_image",
    "text": "text_to_image",
}
"""The direction of the queries that each threat model attacks."""


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the cells that `params` name; `target` is the dataset of the study."""
    if params.adversarial:
        yield _degraded("adversarial", params.adversarial, "<", 0.05, target, params)
    if params.standard:
        yield _degraded("standard", params.standard, ">", 0.15, target, params)


def _degraded(
    name: str, cell: str, relation: Literal[">", "<"], bound: float, target: str, params: Params
) -> Claim:
    def lost(variant: str, direction: str = "mean") -> str:
        return f"robustness/{cell}/s*/{target}/test/{variant}/{direction}/{LOST}"

    words = "less" if relation == "<" else "more"
    return Claim(
        f"{KEY}.{name}",
        f"{cell} loses {words} than {100 * bound:.0f} % of its recall@1, mean over the rendered shifts",
        lost("shifts-mean"), relation, bound,
        context=(
            ("text to image", lost("shifts-mean", "text_to_image")),
            ("image to text", lost("shifts-mean", "image_to_text")),
            ("worst shift", lost("shifts-worst")),
            ("mean over shifts of texts", lost("text-shifts-mean")),
            *strongest_attacks(cell, target, params),
        ),
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
