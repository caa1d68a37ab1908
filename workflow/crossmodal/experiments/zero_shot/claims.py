"""The claims of H4."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.zero_shot.params import CLEAN, KEY, PROMPTED, Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts

COMPARED = "recall@1"


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the cell and the students that `params` name: one a student."""
    if not params.cell or not params.domains:
        return
    for student in params.students:
        yield _more(params, params.cell, student)


def _more(params: Params, cell: str, student: str) -> Claim:
    def gain(domain: str, direction: str = "mean", variant: str = CLEAN, metric: str = COMPARED) -> str:
        return f"zero_shot/{cell}/s*/{domain}/test/{variant}/{direction}/gain_over_{student}_{metric}"

    context = [("text to image", gain("domains", "text_to_image"))]
    context.append(("image to text", gain("domains", "image_to_text")))
    context.append(("classes", gain("domains", "image_to_text", PROMPTED, "accuracy@1")))
    context.append(("names that no model here has met", gain("domains", variant=f"{CLEAN}@unmet")))
    context += [(domain, gain(domain)) for domain in params.domains]
    if params.baseline:
        plain = gain("domains").replace(f"/{cell}/", f"/{params.baseline}/")
        context.append((f"{params.baseline}, which neither adapts nor distils", plain))
    beside = f"zero_shot/{cell}/s*/domains/test/{CLEAN}/mean"
    return Claim(
        f"{KEY}.{student}",
        f"{cell} finds more than {student} on domains that neither was trained on, {COMPARED}, mean over them",
        gain("domains"), ">", 0.0,
        context=tuple(context),
        aa=f"{beside}/aa_difference_{COMPARED}",
        smallest=f"{beside}/smallest_visible_{COMPARED}",
        trained=True,
    )  # fmt: skip
