"""The claim on image encoders: a small one keeps most of what a large one finds."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.encoders.params import KEY, Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claim about the encoders that `params` name; `target` is the dataset of the study."""
    if not params.cell or not params.reference:
        return

    def number(metric: str, direction: str = "mean", cell: str | None = params.cell) -> str:
        return f"encoders/{cell}/s*/{target}/test/clean/{direction}/{metric}"

    needs = None
    if params.probe:
        gain = number(f"gain_over_{params.probe}_recall@10", cell=params.reference)
        needs = (gain, f"what {params.reference} finds beyond {params.probe}, which sees no network")
    yield Claim(
        f"{KEY}.kept",
        f"{params.cell} keeps more than 95 % of the recall@10 of {params.reference} on {target}",
        number("kept_recall@10"), ">", 0.95,
        context=(
            ("text to image", number("kept_recall@10", "text_to_image")),
            ("image to text", number("kept_recall@10", "image_to_text")),
            ("recall@1 kept", number("kept_recall@1")),
        ),
        needs=needs,
        trained=True,
    )  # fmt: skip
