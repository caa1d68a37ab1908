"""Parameters of H2: which shifts and attacks cells are measured under, and which cells are compared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.parameters import Check, Count, Name, Parameters
from crossmodal.training.adversary_settings import RobustCheck

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 2
TITLE = "Robustness"
QUESTION = "Does adversarial training bound what is lost under shift and attack?"
KEY = "H2"
ROLES = ("adversarial", "standard")
"""The cells that the proposal's two thresholds are about."""


class FewAttacks(Parameters):
    """Cells that are attacked on a part of the images only."""

    cells: list[Name] = []
    images: Count
    """Images that are attacked, or whose captions ask, in place of `attacks.images`: some of those."""


class Attacks(ThreatParameters):
    """Retrieval under attack on the target's test split."""

    cells: list[Name] = []
    """Cells that are attacked on `images`, by default on all; empty for none."""
    few: FewAttacks | None = None
    """Further cells, attacked on fewer images; null for none."""
    every_seed: bool = False
    """Whether each seed of a cell is attacked, on test and on validation data, or its first one only."""

    @model_validator(mode="after")
    def _attacked_once(self) -> Self:
        if twice := sorted(set(self.cells) & set(self.few.cells if self.few else [])):
            raise ValueError(f"few.cells: {twice[0]!r} stands in `cells` too; a cell is attacked once")
        return self

    def attacked(self) -> list[str]:
        """Return the cells that are attacked."""
        return [*self.cells, *(self.few.cells if self.few else [])]

    def of(self, cell: str) -> ThreatParameters:
        """Return what `cell` is attacked with."""
        few = self.few is not None and cell in self.few.cells
        images = self.few.images if self.few is not None and few else self.images
        values = {name: getattr(self, name) for name in ThreatParameters.model_fields}
        return ThreatParameters.model_construct(**(values | {"images": images}))


class Pair(Parameters):
    """A cell and its adversarially trained twin: of one kind of method, base model and dataset."""

    standard: Name
    """Cell that is trained without an adversary."""
    adversarial: Name
    """A cell of the same kind of method trained against one; as fair as the parameters of the two are alike."""


class Params(Parameters):
    """What shifted or attacked data cost, and whether adversarial training helps. Null claims nothing."""

    shifts: list[Name] = []
    """Shifts applied to the target's test split."""
    controls: list[Name] = []
    """Shifts of texts that are to change nothing: measured like the others, left out of their means."""
    cells: list[Name] | None = None
    """Cells that are evaluated under shift; null for every cell of the target."""
    pairs: dict[Name, Pair] = {}
    """Twins whose losses under shift are compared, query by query: what H2 is judged by."""
    without: Name | None = None
    """Cell without an adversary that is compared with the pairs' standard cells in the place of their twins: how
    much of what adversarial training is to save a cell saves that saw no attack."""
    adversarial: Name | None = None
    """Adversarially trained cell that the proposal's threshold of 5 % is reported for."""
    standard: Name | None = None
    """Cell trained without an adversary that the proposal's threshold of 15 % is reported for."""
    attacks: Attacks = Attacks()
    validation: RobustCheck | None = None
    """One attack for all on validation data: of every cell with an adversary and of its plain twin, the cell with
    the same model, method and dataset. What the adversarial cell is chosen by; null for no choice."""

    def roles(self) -> list[str]:
        """Return the cells that the claims are about."""
        twins = [name for pair in self.pairs.values() for name in (pair.standard, pair.adversarial)]
        return list(dict.fromkeys(name for name in (*twins, self.adversarial, self.standard) if name))

    @model_validator(mode="after")
    def _names_of_claims(self) -> Self:
        if taken := next((name for name in self.pairs if name in ROLES), None):
            raise ValueError(f"a pair cannot be named {taken}: that is the name of a claim about one cell")
        return self


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    cells = study.adaptation.cells
    attackable = [name for name in cells if study.target_of(name) == study.adaptation.dataset]
    yield Check("shifts", params.shifts, study.shifts, "shift")
    # Of images none is left out: what H2 is judged by is the mean over all of them.
    texts = [name for name, shift in study.shifts.items() if shift.space == "texts"]
    yield Check("controls", params.controls, texts, "shift of texts")
    yield Check("cells", params.cells or [], attackable, "cell of the target")
    yield Check("attacks.cells", params.attacks.cells, attackable, "cell of the target")
    few = params.attacks.few.cells if params.attacks.few else []
    yield Check("attacks.few.cells", few, attackable, "cell of the target")
    plain = [name for name in attackable if not cells[name].adversary]
    against = [name for name in attackable if cells[name].adversary]
    yield Check("adversarial", [params.adversarial], against, "cell of the target with an adversary")
    yield Check("standard", [params.standard], plain, "cell of the target without an adversary")
    shifted = attackable if params.cells is None else params.cells
    unattacked = [name for name in plain if name in shifted]
    yield Check(
        "without", [params.without], unattacked, "cell without an adversary that is evaluated under shift"
    )
    for name, pair in params.pairs.items():
        yield Check(f"pairs.{name}", [pair.standard, pair.adversarial], shifted, "cell evaluated under shift")
        yield Check(
            f"pairs.{name}.standard", [pair.standard], plain, "cell of the target without an adversary"
        )
        what = f"adversarially trained twin of {pair.standard}: a cell with its kind of method, model and dataset"
        alike = [cell for cell in against if _facts(cell, study) == _facts(pair.standard, study)]
        yield Check(f"pairs.{name}.adversarial", [pair.adversarial], alike, what)


def twins(params: Params, study: "Study") -> dict[str, str | None]:
    """Return for each cell with an adversary its plain twin, None where there is none.

    Of a pair that is the other of the two. Else it is a cell without an adversary of the same model, dataset and
    method; of several the first that is trained alike.
    """
    cells = study.adaptation.cells
    named = {pair.adversarial: pair.standard for pair in params.pairs.values()}

    def twin(name: str) -> str | None:
        own, facts = cells[name], _facts(name, study)
        plain = [
            other
            for other, cell in cells.items()
            if not cell.adversary and cell.method == own.method and _facts(other, study) == facts
        ]
        return min(plain, key=lambda other: cells[other].training != own.training, default=None)

    return {name: named.get(name) or twin(name) for name, cell in cells.items() if cell.adversary}


def _facts(cell: str, study: "Study") -> tuple[str, str, str]:
    """Return the model, the dataset and the kind of method of a cell."""
    return study.model_of(cell), study.target_of(cell), study.adaptation.cells[cell].method.kind
