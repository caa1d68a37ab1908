"""Parameters of H1: which cells are compared, and whose encoders are measured."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from crossmodal.parameters import Check, Count, Name, Parameters

if TYPE_CHECKING:
    from crossmodal.statistics.records import CellFacts
    from crossmodal.study.study import Study

PLACE = 1
TITLE = "Parameter-efficient fine-tuning"
QUESTION = "Does low-rank adaptation keep the retrieval quality of full fine-tuning?"
KEY = "H1"
ROLES = ("cell", "reference", "baseline")


class Roles(Parameters):
    """Cells that are compared; null claims nothing."""

    cell: Name | None = None
    """The cell that the claims are about."""
    reference: Name | None = None
    """Cell that those with its dataset and its base model are compared with: full fine-tuning."""
    baseline: Name | None = None
    """Cell before any adaptation: the zero of the normalised gain."""


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


class Params(Roles):
    """Does an adaptation with few parameters keep the quality of full fine-tuning? Null claims nothing."""

    elsewhere: dict[Name, Roles] = {}
    """The same comparison on another dataset or base model, that of its reference; reported beside."""
    encoders: Encoders = Encoders()

    def comparison_of(self, cell: str, cells: Mapping[str, "CellFacts"]) -> Roles | None:
        """Return the roles by which `cell` is compared: those whose reference has its dataset and base model."""
        for roles in (self, *self.elsewhere.values()):
            if roles.reference and home(roles.reference, cells) == home(cell, cells):
                return roles
        return None

    def roles(self) -> list[str]:
        """Return the cells that the claims are about."""
        return [name for name in (self.baseline, self.cell, self.reference) if name]


def home(cell: str, cells: Mapping[str, "CellFacts"]) -> tuple[str, str] | None:
    """Return the dataset that `cell` is adapted to and its base model, None for a cell that is not known."""
    return (cells[cell].dataset, cells[cell].model) if cell in cells else None


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense: key, names, what is known, and what that is."""
    cells = study.adaptation.cells
    for role in ROLES:
        yield Check(role, [getattr(params, role)], cells, "cell")
    yield Check("encoders.cells", params.encoders.cells, cells, "cell")
    for name, roles in params.elsewhere.items():
        place = f"elsewhere.{name}"
        for role in ROLES:
            yield Check(f"{place}.{role}", [getattr(roles, role)], cells, "cell")
        if roles.cell in cells and roles.reference in cells:
            there = study.target_of(roles.reference), study.model_of(roles.reference)
            own = [cell for cell in cells if (study.target_of(cell), study.model_of(cell)) == there]
            what = f"cell with the dataset and model of {roles.reference}"
            yield Check(f"{place}.cell", [roles.cell], own, what)
