"""The claims of this experiment: none. It shows what numbers are to be read beside."""

from collections.abc import Iterator, Mapping

from crossmodal.experiments.probes.params import Params
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.records import CellFacts


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the cells that `params` name."""
    yield from ()
