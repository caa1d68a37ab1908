"""Parameters of H1: which cells are compared, and whose encoders are measured."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crossmodal.parameters import Check, Count, Name, Parameters

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 1
TITLE = "Parameter-efficient fine-tuning"
QUESTION = "Does low-rank adaptation keep the retrieval quality of full fine-tuning?"
KEY = "H1"


class SecondDomain(Parameters):
    """Cells that are adapted to another dataset, on which H1 is judged once more."""

    dataset: Name
    """The dataset that both cells are adapted to."""
    cell: Name
    """Cell of H1 there."""
    reference: Name
    """Cell that it is compared with there: full fine-tuning."""


class Encoders(Parameters):
    """What encoding costs: cells side by side, merged and unmerged, in each of several processes."""

    cells: list[Name] = []
    """Cells whose encoders are measured; empty for none. The room's `reference` is timed twice, if it is one."""
    processes: Count = 3
    """Processes that time all of them, one after another; intervals cover what differs between processes only if
    there are several."""
    repeats: Count = 35
    """Timed calls of each encoder with one item in each process, after a tenth as many to warm up."""
    batch_size: Count = 64
    """Items in a batch, for throughput and memory."""
    batch_repeats: Count = 5
    """Timed calls of each encoder with a batch in each process."""


class Params(Parameters):
    """Does an adaptation with few parameters keep the quality of full fine-tuning? Null claims nothing."""

    cell: Name | None = None
    """The cell that the claims are about."""
    reference: Name | None = None
    """Cell that the others are compared with: full fine-tuning."""
    baseline: Name | None = None
    """Cell before any adaptation: the zero of the normalised gain."""
    second: SecondDomain | None = None
    """A second domain for the same claims; null where it is not judged."""
    encoders: Encoders = Encoders()

    def reference_on(self, dataset: str, target: str) -> str | None:
        """Return the reference of the cells that are adapted to `dataset`, where `target` is the study's own."""
        if self.second and dataset == self.second.dataset:
            return self.second.reference
        return self.reference if dataset == target else None

    def roles(self) -> list[str]:
        """Return the cells that the claims are about."""
        return [name for name in (self.baseline, self.cell, self.reference) if name]


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense: key, names, what is known, and what that is."""
    cells = study.adaptation.cells
    for role in ("cell", "reference", "baseline"):
        yield Check(role, [getattr(params, role)], cells, "cell")
    yield Check("encoders.cells", params.encoders.cells, cells, "cell")
    if params.second:
        second = params.second
        own = [name for name in cells if study.target_of(name) == second.dataset]
        yield Check("second.dataset", [second.dataset], study.evaluated_datasets(), "evaluated dataset")
        for role in ("cell", "reference"):
            yield Check(f"second.{role}", [getattr(second, role)], own, f"cell adapted to {second.dataset}")
