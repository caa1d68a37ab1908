"""The claims on few-shot classification: a cache of both modalities finds more than one of images."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.few_shot.accuracies import ROOM
from crossmodal.experiments.few_shot.names import (
    ACCURACY,
    CLASS_ACCURACY,
    ELSEWHERE,
    SETS,
    UNSEEN,
    variant_of,
)
from crossmodal.experiments.few_shot.params import KEY, Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.queries import IMAGE_TO_TEXT
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the method and the reference that `params` name: on the sets, and on others.

    Both with the most shots.
    """
    if not (params.cell and params.reference and params.sets):
        return
    shots = max(params.shots)
    over = params.judged()
    where = "mean over the sets" + (" that base models have not met" if over == UNSEEN else "")
    yield _more(params, f"{shots}-shot", over, variant_of(shots), params.groups()[over], where)
    if params.elsewhere:
        variant, others = variant_of(shots, params.elsewhere.source), params.elsewhere.sets
        where = f"learnt from {params.elsewhere.source}, mean over other sets"
        yield _more(params, ELSEWHERE, ELSEWHERE, variant, others, where)


def _more(params: Params, name: str, dataset: str, variant: str, each: list[str], where: str) -> Claim:
    def number(metric: str, of: str | None = params.cell, on: str = dataset, how: str = variant) -> str:
        return f"{ROOM}/{of}/s*/{on}/test/{how}/{IMAGE_TO_TEXT}/{metric}"

    gain = f"gain_over_{params.reference}_{ACCURACY}"
    context = [(one, number(gain, on=one)) for one in each]
    if dataset != ELSEWHERE:
        context += [("all sets", number(gain, on=SETS))] if dataset == UNSEEN else []
        context += [("each class once", number(f"gain_over_{params.reference}_{CLASS_ACCURACY}"))]
        fewer = [shots for shots in params.shots if shots != max(params.shots)]
        context += [(variant_of(shots), number(gain, how=variant_of(shots))) for shots in fewer]
    needs = None
    if params.probe:
        above = number(f"gain_over_{params.probe}_{ACCURACY}", of=params.reference)
        needs = (above, f"what {params.reference} finds beyond {params.probe}, which sees no network")
    return Claim(
        f"{KEY}.{name}",
        f"{params.cell} classifies better than {params.reference} with {max(params.shots)} shots, {where}",
        number(gain), ">", 0.0,
        context=tuple(context),
        aa=number(f"aa_difference_{ACCURACY}", of=params.reference),
        smallest=number(f"smallest_visible_{ACCURACY}", of=params.reference),
        needs=needs,
        trained=True,
    )  # fmt: skip
