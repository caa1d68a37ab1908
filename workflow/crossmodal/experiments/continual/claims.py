"""The claims on continual learning: structured updates end above low-rank ones of their budget, and above
chance's."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.continual.params import BEFORE, KEY, Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts

METRIC = "average_accuracy"
SAID = {
    "baseline": ("lora", "low-rank updates of the same budget"),
    "random": ("random", "updates of the same size chosen at random"),
}
"""The name of the claim about each role, and what the role is."""


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the update that `params` name: above low-rank ones, above a random choice.

    Who learnt nothing ends above those who forgot more: both need that sessions add to the base model.
    """
    if not params.dataset or not params.cell:
        return
    place = f"continual/{params.cell}/s*/{params.dataset}/test"
    reference = f"continual/{params.baseline}/s*/{params.dataset}/test"
    for role, (name, what) in SAID.items():
        other = getattr(params, role)
        if other is None:
            continue
        gain = f"gain_over_{other}_{METRIC}"
        context = [("itself", f"{place}/clean/-/{METRIC}")]
        context += [
            ("forgets more by", f"{place}/clean/-/gain_over_{other}_forgetting"),
            ("before any session", f"{place}/clean/-/{METRIC}_before"),
        ]
        beside = [name for name in params.over(params.cell) if name != other]
        context += [(f"above {name}", f"{place}/clean/-/gain_over_{name}_{METRIC}") for name in beside]
        context += [(f"under {shift}", f"{place}/{shift}/-/{gain}") for shift in params.shifts]
        if role == "baseline" and params.cells[other].update.matches is None:
            what = "low-rank updates of another budget"
        yield Claim(
            f"{KEY}.{name}",
            f"{params.cell} ends with a higher accuracy than {other} ({what}) on the classes of"
            f" {params.dataset}, each class once",
            f"{place}/clean/-/{gain}", ">", 0.0,
            context=tuple(context),
            aa=f"{reference}/clean/-/aa_difference_{METRIC}",
            smallest=f"{reference}/clean/-/smallest_visible_{METRIC}",
            needs=(f"{place}/clean/-/gain_over_{BEFORE}_{METRIC}", "what all sessions add to the base model"),
            trained=True,
        )  # fmt: skip
