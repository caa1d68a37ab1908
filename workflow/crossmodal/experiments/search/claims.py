"""The claim of H3 about quality. Those about ten million items are the room `scale`'s."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.search.names import Way
from crossmodal.experiments.search.params import KEY, Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claim about the second stage that `params` name; `target` is the dataset of the study."""
    cell = params.cell or next(iter(params.cells), None)
    if not (cell and params.index and params.stage):
        return
    way = Way(params.index, params.stage)

    def number(metric: str, where: Way = way, split: str = "test") -> str:
        return f"search/{cell}/s*/{target}/{split}/{where.variant}/text_to_image/{metric}"

    gain = "gain_over_exact_recall@10"
    others = [params.named(way, name) for name in params.galleries if name != params.main_gallery()]
    others += [way._replace(shift=shift) for shift in params.shifts]
    # Stages without weights correct the same hubs: what they gain as well was not learnt from lists.
    plain = [
        name
        for name in params.pipelines.get(params.index, [])
        if params.stages[name].kind != "exact" and not hasattr(params.stages[name], "epochs")
    ]
    yield Claim(
        f"{KEY}.rerank",
        f"{params.stage} finds more than exact re-scoring of the same candidates of {params.index}, recall@10",
        number(gain), ">", 0.0,
        context=(
            *((f"gain in {other.gallery or other.shift}", number(gain, other)) for other in others),
            *((f"gain of {name}, untrained", number(gain, Way(params.index, name))) for name in plain),
            ("runs that stayed at exact re-scoring", number("epoch_zero", split="val")),
            ("two runs of the same differ by", number("aa_difference_recall@10")),
        ),
        smallest=number("smallest_visible_recall@10"),
    )  # fmt: skip
