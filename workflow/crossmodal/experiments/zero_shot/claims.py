"""The claims of H4."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.zero_shot.params import CLEAN, COMPARED, KEY, PROMPTED, Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the cell and the students that `params` name: for each student one a recall.

    Where some students are several models, those about one model, which decides nothing, are reported beside.
    """
    if not params.cell or not params.domains:
        return
    most = max((len(student.cells) for student in params.students.values()), default=0)
    for name, student in params.students.items():
        for recall in COMPARED:
            yield _more(params, params.cell, name, recall, beside=len(student.cells) == 1 < most)


def _more(params: Params, cell: str, student: str, recall: str, *, beside: bool) -> Claim:
    def gain(domain: str, direction: str = "mean", variant: str = CLEAN, metric: str = recall) -> str:
        return _gain(cell, student, domain, metric, direction, variant)

    context = [("text to image", gain("domains", "text_to_image"))]
    context.append(("image to text", gain("domains", "image_to_text")))
    context.append(("classes", gain("domains", "image_to_text", PROMPTED, "accuracy@1")))
    context.append(("names that no model here has met", gain("domains", variant=f"{CLEAN}@unmet")))
    context += [(domain, gain(domain)) for domain in params.domains]
    if params.baseline:
        plain = _gain(params.baseline, student, "domains", recall)
        context.append((f"{params.baseline}, which neither adapts nor distils", plain))
    needs = None
    if params.probe:  # to find more than what has learnt nothing says nothing
        above = _gain(student, params.probe, "domains", recall)
        needs = (above, f"what {student} finds beyond {params.probe}, which sees no network")
    itself = f"zero_shot/{cell}/s*/domains/test/{CLEAN}/mean"
    return Claim(
        f"{KEY}.{student}.{recall}",
        f"{cell} finds more than {student} on domains that neither was trained on, {recall}, mean over them",
        gain("domains"), ">", 0.0,
        context=tuple(context),
        aa=f"{itself}/aa_difference_{recall}",
        smallest=f"{itself}/smallest_visible_{recall}",
        needs=needs,
        trained=True,
        beside=beside,
    )  # fmt: skip


def _gain(
    cell: str, other: str, domain: str, metric: str, direction: str = "mean", variant: str = CLEAN
) -> str:
    return f"zero_shot/{cell}/s*/{domain}/test/{variant}/{direction}/gain_over_{other}_{metric}"
