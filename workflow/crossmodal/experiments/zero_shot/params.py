"""Parameters of H4: which cells are tried on which domains, and beside which students."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from crossmodal.data.classes import Template
from crossmodal.parameters import Check, Name, Names, Parameters

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 3.75
TITLE = "Zero-shot transfer"
QUESTION = "Does an adapted model transfer better than a distilled student?"
KEY = "H4"
CLEAN, PROMPTED = "clean", "prompts"
"""What asks, and is asked for: an image's own captions, or its class in all the prompts."""
COMPARED = ("recall@1", "recall@10")
"""What cells and students are compared, and claimed, by."""
ROLES = ("cell", "baseline")


class Student(Parameters):
    """A distillation, done once or several times."""

    cells: Annotated[list[Name], Field(min_length=1)]
    """Cells that evaluate it as it is, each of a model of its own: models that differ by their seed alone."""


class Params(Parameters):
    """Do adapted models transfer better than distilled ones to domains that neither was trained on?"""

    domains: Names = []
    """Datasets whose test split is tried; no model of the study may be trained on them."""
    prompts: Annotated[list[Template], Field(min_length=1)] = ["{}"]
    """What stands for a class, with {} in the place of its name: the mean of their embeddings classifies."""
    cells: list[Name] | None = None
    """Cells that are tried beside those named below; null for all."""
    cell: Name | None = None
    """The adapted cell that the claims are about."""
    baseline: Name | None = None
    """The cell before any adaptation: what retention is a share of."""
    probe: Name | None = None
    """One of the probes of `probes`, which see no network: `lookup` has the words and drawings that the first base
    model is trained on. A recall that is not above it says nothing of models."""
    students: dict[Name, Student] = {}
    """Students by the name that numbers have them under."""

    @model_validator(mode="after")
    def _one_student_each(self) -> Self:
        cells = self._students()
        if twice := next((cell for cell in cells if cells.count(cell) > 1), None):
            raise ValueError(f"students: {twice} stands there twice")
        if self.cell in cells or self.baseline in cells:
            raise ValueError("students: the cell that is compared with students is none itself")
        if self.probe in self.students:
            raise ValueError(f"students: {self.probe} is the name of the probe")
        return self

    def roles(self) -> list[str]:
        """Return the cells that the claims are about."""
        return [name for name in (self.cell, self.baseline) if name]

    def tried(self) -> list[str] | None:
        """Return the cells that are tried, None for all."""
        named = [*(self.cells or []), *self.roles(), *self._students()]
        return None if self.cells is None else list(dict.fromkeys(named))

    def student_of(self, cell: str) -> tuple[str, int] | None:
        """Return the student that `cell` is, and which of its seeds; None for a cell that is none."""
        for name, student in self.students.items():
            if cell in student.cells:
                return name, student.cells.index(cell)
        return None

    def _students(self) -> list[str]:
        return [cell for student in self.students.values() for cell in student.cells]


def datasets(params: Params) -> list[str]:
    """Return the datasets that its jobs read."""
    return params.domains


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense: key, names, what is known, and what that is."""
    cells = study.adaptation.cells
    models = study.models.values()
    learnt = {name for model in models for name in (*model.datasets, model.validation)}
    learnt |= {study.target_of(cell) for cell in cells}
    unseen = [name for name in study.datasets if name not in learnt]
    yield Check("domains", params.domains, unseen, "dataset that no model of the study is trained on")
    yield Check("probe", [params.probe], study.probes_asked_for(), "probe that the section probes asks for")
    for role in ROLES:
        yield Check(role, [getattr(params, role)], cells, "cell")
    yield Check("cells", params.cells or [], cells, "cell")
    for name, student in params.students.items():
        yield Check(f"students.{name}.cells", student.cells, cells, "cell")
        known = [cell for cell in student.cells if cell in cells]
        made = {cell: _made(study, cell) for cell in known}
        fitting = [cell for cell, one in made.items() if one is not None and one == made[known[0]]]
        what = "cell that evaluates, with one seed, a student which differs from the first by its own seed"
        yield Check(f"students.{name}.cells", known, fitting, what)
        others = [cell for cell in cells if cell not in student.cells]
        yield Check("students", [name] if name in others else [], [], "name that no other cell has")


def _made(study: "Study", cell: str) -> dict[str, object] | None:
    """Return how the student was made that a cell evaluates, its seed apart; None if it evaluates none."""
    model = study.models[study.model_of(cell)]
    untrained = study.adaptation.cells[cell].method.kind == "zero_shot"
    if getattr(model, "teacher", None) is None or not untrained or len(study.seeds_of(cell)) > 1:
        return None
    return model.model_dump(mode="json", exclude={"seed"})
