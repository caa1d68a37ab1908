"""Parameters of the experiment on image encoders: which are compared, how they are measured."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from crossmodal.parameters import Check, Count, Name, Names, Parameters

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 3.9
TITLE = "Image encoders"
QUESTION = "How large an image encoder does retrieval need under a frozen text tower?"
KEY = "encoders"
FEW = 5
"""Images that are encoded together beside one and a batch: a handful of queries."""


class Params(Parameters):
    """How do accuracy, parameters, time and memory of image encoders trade off under one text tower?"""

    cells: list[Name] = []
    """Cells of a base model each, which differ in their image towers, evaluated as they are."""
    cell: Name | None = None
    """The small encoder that the claim is about; null claims nothing."""
    reference: Name | None = None
    """The large encoder that it is compared with."""
    beside: Names = []
    """Cells whose quality stands beside theirs and that are not timed: the base model, and all of it adapted."""
    probe: Name | None = None
    """One of the probes of `probes`, which sees no network: a reference that finds no more says nothing."""
    processes: Count = 3
    """Processes that time all of them, one after another."""
    repeats: Count = 35
    """Timed calls with one image and with five, in each process, after a tenth as many to warm up."""
    batch_size: Count = 64
    """Images in a batch."""
    batch_repeats: Count = 5
    """Timed calls with a batch in each process."""

    @model_validator(mode="after")
    def _of_those_compared(self) -> Self:
        for role in ("cell", "reference"):
            name = getattr(self, role)
            if name is not None and name not in self.cells:
                raise ValueError(f"{role}: {name} is none of the cells that are compared")
        if both := [name for name in self.beside if name in self.cells]:
            raise ValueError(f"beside: {both[0]} is among the cells that are compared")
        return self


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense: cells of the study's target, a model each."""
    own = {
        cell: study.model_of(cell)
        for cell in study.adaptation.cells
        if study.target_of(cell) == study.adaptation.dataset
    }
    yield Check("cells", params.cells, own, "cell that is evaluated on the target")
    yield Check("beside", params.beside, own, "cell that is evaluated on the target")
    yield Check("probe", [params.probe], study.probes_asked_for(), "probe that the section probes asks for")
    models = [own[cell] for cell in params.cells if cell in own]
    twice = [cell for cell in params.cells if cell in own and models.count(own[cell]) > 1]
    yield Check("cells", twice[:1], [], "cell with a base model of its own")
