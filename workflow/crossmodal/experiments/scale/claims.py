"""The claims of H3 about ten million items, judged at the largest size."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.scale.params import EXACT, EXHAUSTIVE, INDEX, KEY, PROMISED, Params, variant
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the largest gallery; `target` is the dataset of the study."""
    if params.cell is None:
        return
    size, main, refined = params.sizes[-1], params.main(), f"{INDEX}+{EXACT}"

    def number(system: str, metric: str) -> str:
        return f"scale/{params.cell}/s*/{target}/test/{variant(system, size)}/text_to_image/{metric}"

    scale = (number(main, "items"), PROMISED)
    items = (("synthetic items", number(main, "synthetic_share")),)
    done = f"{main.replace('+', ' + ')} over ten million items"
    yield Claim(
        f"{KEY}.latency", f"{done} answers 95 % of queries within 50 ms",
        number(main, "latency_p95"), "<", 50.0, "ms",
        context=(("p50", number(main, "latency_p50")), ("p99", number(main, "latency_p99")), *items),
        scale=scale,
    )  # fmt: skip
    yield Claim(
        f"{KEY}.recall", f"{done} loses less than 2 % of the recall@10 of exhaustive search",
        number(main, "loss_recall@10"), "<", 0.02,
        context=(
            ("exhaustive top ten found", number(refined, "index_recall@10")),
            ("recall@10 of exhaustive search", number(EXHAUSTIVE, "recall@10")),
            ("with exact refinement alone", number(refined, "loss_recall@10")),
            ("by the codes alone", number(INDEX, "loss_recall@10")),
            *items,
        ),
        scale=scale,
    )  # fmt: skip
    # A second stage takes others than exhaustive search with good reason.
    yield Claim(
        f"{KEY}.neighbours", f"{refined.replace('+', ' + ')} finds 98 % of what exhaustive search finds first",
        number(refined, "index_recall@10"), ">", 0.98, context=items, scale=scale, beside=True,
    )  # fmt: skip
    yield Claim(
        f"{KEY}.p99", f"{done} answers 99 % of queries within 15 ms", number(main, "latency_p99"), "<", 15.0, "ms",
        context=items, scale=scale, beside=True,
    )  # fmt: skip
