"""Parameters of an experiment that counts: the smallest room with a job, a number, a claim and a section."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crossmodal.parameters import Check, Name, Parameters

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 90
TITLE = "Counting"
QUESTION = "How many queries does a cell answer?"
KEY = "D1"


class Params(Parameters):
    """Cells whose queries are counted."""

    cells: list[Name]
    number: str = "queries"
    """Metric of the count."""


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    yield Check("cells", params.cells, study.adaptation.cells, "cell")
