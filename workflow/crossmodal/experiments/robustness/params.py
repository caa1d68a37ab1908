"""Parameters of H2: which shifts and attacks cells are measured under, and which cells are compared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.parameters import Check, Name, Parameters

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 2
TITLE = "Robustness"
QUESTION = "Does adversarial training bound what is lost under shift and attack?"
KEY = "H2"


class Attacks(ThreatParameters):
    """Retrieval under attack on the target's test split."""

    cells: list[Name] = []
    """Cells that are attacked; empty for none."""
    every_seed: bool = False
    """Whether each seed of a cell is attacked, or its first one only."""


class Params(Parameters):
    """What shifted or attacked data cost, and whether adversarial training helps. Null claims nothing."""

    shifts: list[Name] = []
    """Shifts applied to the target's test split."""
    adversarial: Name | None = None
    """Adversarially trained cell that the claims are about."""
    standard: Name | None = None
    """Cell that is trained without an adversary."""
    attacks: Attacks = Attacks()

    def roles(self) -> list[str]:
        """Return the cells that the claims are about."""
        return [name for name in (self.adversarial, self.standard) if name]


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    cells = study.adaptation.cells
    attackable = [name for name in cells if study.target_of(name) == study.adaptation.dataset]
    yield Check("shifts", params.shifts, study.shifts, "shift")
    yield Check("attacks.cells", params.attacks.cells, attackable, "cell of the target")
    for role in ("adversarial", "standard"):
        yield Check(role, [getattr(params, role)], cells, "cell")
