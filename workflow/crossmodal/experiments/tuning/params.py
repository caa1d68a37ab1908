"""Parameters of tuning: which families of cells share a learning rate, and the grid that it is chosen from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from crossmodal.parameters import Check, Count, Name, Parameters, Positive

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 4
TITLE = "Tuning"
QUESTION = "Which learning rate does each family of methods get?"
KEY = "tuning"
METRIC = "validation_mrr"
"""What decides: the best epoch's mean reciprocal rank, mean of both directions."""
CHOSEN = "chosen"
"""Stands in number ids where else the name of a learning rate does, for what was chosen among all."""


class LearningRates(Parameters):
    """A logarithmic grid, the same for every family."""

    low: Positive = 1e-5
    """The lowest rate."""
    high: Positive = 1e-1
    """The highest rate."""
    points: Annotated[int, Field(ge=2)] = 9
    """Rates from `low` to `high`, both included; each is its neighbour times the same factor."""

    @model_validator(mode="after")
    def _is_a_grid(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if len(self.grid()) < self.points:
            raise ValueError(f"{self.points} points from {self.low:g} to {self.high:g} are not told apart")
        return self

    def grid(self) -> dict[str, float]:
        """Return the rates by their names, the lowest first: `3.2e-03` is exactly 0.0032."""
        factor = (self.high / self.low) ** (1 / (self.points - 1))
        names = [f"{self.low * factor**step:.1e}" for step in range(self.points)]
        return {name: float(name) for name in names}


class Family(Parameters):
    """Cells that get one learning rate, found with one of them."""

    cells: list[Name] = Field(min_length=1)
    """The cells that it decides for."""
    cell: Name | None = None
    """The one of them that it is found with; null for the first."""

    @property
    def representative(self) -> str:
        """The cell that is trained at every rate."""
        return self.cell or self.cells[0]


class Params(Parameters):
    """A search for the learning rate of each family, on validation data alone."""

    families: dict[Name, Family] = {}
    learning_rates: LearningRates = LearningRates()
    seeds: Annotated[list[int], Field(min_length=2)] = [0, 1]
    """Training seeds; the mean over them decides."""
    epochs: Count | None = None
    """Passes over the training images in each run; null for those of the cell. The schedule of the learning rate
    spans them, so a rate that was found with fewer is that of another training."""

    @model_validator(mode="after")
    def _decides_once(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {self.seeds} has one twice")
        decided = [cell for family in self.families.values() for cell in dict.fromkeys(family.cells)]
        if twice := next((cell for cell in decided if decided.count(cell) > 1), None):
            raise ValueError(f"families: two of them decide for cell {twice}")
        return self


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    cells = study.adaptation.cells
    plain = [name for name, cell in cells.items() if not cell.adversary and cell.method.kind != "zero_shot"]
    for name, family in params.families.items():
        yield Check(f"families.{name}.cells", family.cells, cells, "cell")
        yield Check(f"families.{name}.cell", [family.cell], family.cells, "cell that it decides for")
        tuned = "cell that is trained without an adversary"
        yield Check(f"families.{name}.cell", [family.representative], plain, tuned)


def decided(params: Params, study: "Study") -> dict[str, str]:
    """Return, for each cell whose learning rate a family decides, the id of the number that says which it is."""
    return {
        cell: f"tuning/{name}/s*/{study.target_of(family.representative)}/val/{CHOSEN}/-/learning_rate"
        for name, family in params.families.items()
        for cell in family.cells
    }
