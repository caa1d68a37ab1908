"""The grid of cells as pages show it: in groups, each with the dataset that its cells are adapted to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crossmodal.report.cell_styles import Styles, styles_of

FEW = 8
"""With more cells than this some are told apart by colour and label, the others stand back."""


@dataclass(frozen=True)
class Grid:
    """The cells of a study."""

    target: str
    """The dataset that a cell is adapted to where `homes` does not say otherwise."""
    groups: Sequence[tuple[str, Sequence[str]]]
    """Groups of cells: title (empty for the only one) and cells."""
    homes: Mapping[str, str] = field(default_factory=dict)
    highlighted: Sequence[str] = ()
    """Cells that charts tell apart by colour: all if they are few, else those that hypotheses are about."""
    styled: Sequence[str] = ()
    """All cells in the order that they get their styles in, whatever order they are shown in."""

    @classmethod
    def of(cls, target: str, facts: Mapping[str, Mapping[str, Any]], roles: Sequence[str] = ()) -> "Grid":
        """Return the grid of the cells in `facts`: by cell the dataset that it is adapted to and `adversarial`.

        Of many cells those in `roles` and the adversarially trained ones are highlighted.
        """
        titles = {cell: _title(known, target) for cell, known in facts.items()}
        order = sorted(dict.fromkeys(titles.values()), key=_place)
        several = len(order) > 1
        groups = [(title if several else "", [c for c in facts if titles[c] == title]) for title in order]
        chosen = [cell for cell, known in facts.items() if cell in roles or known.get("adversarial")]
        homes = {cell: str(known["dataset"]) for cell, known in facts.items()}
        # Charts of many cells show the adversarially trained ones in any case: these differ in colour first.
        styled = sorted(facts, key=lambda cell: not facts[cell].get("adversarial"))
        return cls(target, groups, homes, list(facts) if len(facts) <= FEW else chosen, styled)

    @property
    def cells(self) -> list[str]:
        """All cells, group after group."""
        return [cell for _, cells in self.groups for cell in cells]

    @property
    def styles(self) -> Styles:
        """The colour and the shape of each cell, the same for every order and every choice of highlights."""
        return styles_of(self.styled or self.cells)

    def home(self, cell: str) -> str:
        """Return the dataset that `cell` is adapted to."""
        return self.homes.get(cell, self.target)

    def group_of(self, cell: str) -> str:
        """Return the title of the group of `cell`."""
        return next((title for title, cells in self.groups if cell in cells), "")

    def sorted(self, order: Callable[[Sequence[str]], list[str]]) -> "Grid":
        """Return the grid with each group's cells put in `order`."""
        return replace(self, groups=[(title, order(cells)) for title, cells in self.groups])


def _title(facts: Mapping[str, Any], target: str) -> str:
    home = facts.get("dataset", target)
    if home != target:
        return f"adapted to {home}"
    return "adversarial training" if facts.get("adversarial") else "adaptation"


def _place(title: str) -> int:
    return {"adaptation": 0, "adversarial training": 1}.get(title, 2)
