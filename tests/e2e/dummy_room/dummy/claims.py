"""The claim of the room: something was asked."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.dummy.params import KEY, Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the cells that `params` name."""
    for cell in params.cells:
        number = f"dummy/{cell}/s0/{target}/test/clean/-/{params.number}"
        yield Claim(f"{KEY}.{cell}", f"{cell} is asked more than ten queries", number, ">", 10.0, "queries")
