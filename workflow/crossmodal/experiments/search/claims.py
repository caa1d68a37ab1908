"""The claims of H3."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.search.params import KEY, RERANK, Params, with_stage
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the index that `params` name; `target` is the dataset of the study."""
    cell = params.cell or next(iter(params.cells), None)
    index = params.index
    if not (cell and index):
        return

    def number(pipeline: str, metric: str) -> str:
        return f"search/{cell}/s*/{target}/test/{pipeline}/text_to_image/{metric}"

    reranked = with_stage(index, RERANK)
    yield Claim(
        f"{KEY}.latency",
        f"{index} with re-ranking answers 95 % of queries within 50 ms at 10 million items",
        number(reranked, "latency_p95"), "<", 50.0, "ms",
        context=(("p50", number(reranked, "latency_p50")), ("p99", number(reranked, "latency_p99"))),
        scale=(number(reranked, "items"), 10_000_000),
    )  # fmt: skip
    yield Claim(
        f"{KEY}.recall",
        f"{index} with re-ranking loses less than 2 % of the recall@10 of exhaustive search",
        number(reranked, "loss_recall@10"), "<", 0.02,
        context=(
            ("without re-ranking", number(index, "loss_recall@10")),
            ("index against exhaustive search", number(index, "index_recall@10")),
        ),
    )  # fmt: skip
