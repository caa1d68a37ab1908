"""The grid of cells as the report shows it: in groups, each with the dataset that its cells are adapted to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

FEW = 8
"""With more cells than this some are told apart by colour and label, the others stand back."""
ROLES = ("baseline", "peft", "reference", "adversarial", "standard")


@dataclass(frozen=True)
class Grid:
    """The cells of a study and its shifts."""

    target: str
    """The dataset that a cell is adapted to where `homes` does not say otherwise."""
    groups: Sequence[tuple[str, Sequence[str]]]
    """Groups of cells: title (empty for the only one) and cells."""
    homes: Mapping[str, str] = field(default_factory=dict)
    highlighted: Sequence[str] = ()
    """Cells that charts tell apart by colour: all if they are few, else those that hypotheses are about."""
    text_shifts: frozenset[str] = frozenset()
    """Variants of a test set whose captions are changed, not its images."""
    severities: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Variant of a test set -> kind of its shift and severity, of those that have one."""

    @classmethod
    def of(cls, target: str, cells: Sequence[str], facts: Mapping[str, Any] | None = None) -> "Grid":
        """Return the grid of `cells`, given the parameters that their numbers were summed up with, if known.

        Of `facts`, the parameters of the job summarise_numbers, the keys `cells`, `shifts` and `hypotheses`
        are read.
        """
        facts = facts or {}
        known: Mapping[str, Any] = facts.get("cells") or {}
        homes = {cell: str(known[cell]["dataset"]) for cell in cells if cell in known}
        titles = {cell: _title(known.get(cell, {}), target) for cell in cells}
        order = sorted(dict.fromkeys(titles.values()), key=_place)
        several = len(order) > 1
        groups = [(title if several else "", [c for c in cells if titles[c] == title]) for title in order]
        roles = facts.get("hypotheses") or {}
        named = {roles.get(role) for role in ROLES}
        chosen = [c for c in cells if c in named or (known.get(c) or {}).get("adversarial")]
        shifts: Mapping[str, Any] = facts.get("shifts") or {}
        texts = {name for name, shift in shifts.items() if shift.get("modality") == "texts"}
        graded = {
            name: (str(shift["kind"]), int(shift["severity"]))
            for name, shift in shifts.items()
            if shift.get("severity") is not None
        }
        few = len(cells) <= FEW
        return cls(target, groups, homes, list(cells) if few else chosen, frozenset(texts), graded)

    @property
    def cells(self) -> list[str]:
        """All cells, group after group."""
        return [cell for _, cells in self.groups for cell in cells]

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
