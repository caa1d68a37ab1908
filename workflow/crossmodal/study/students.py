"""Models that are made from other models of the study: which those are, and what is wrong with them."""

from typing import TYPE_CHECKING, Any

from crossmodal.parameters import nearest

if TYPE_CHECKING:
    from crossmodal.study.study import Study


def teacher_of(model: Any) -> str | None:
    """Return the name of the model that `model`, parameters of any kind, is made from; None where it is none."""
    teacher: str | None = getattr(model, "teacher", None)
    return teacher


def cuts_text_tower(model: Any) -> bool:
    """Return whether `model` has a text tower of its own that is part of its teacher's."""
    return bool(getattr(model, "cuts_text_tower", False))


def lineage(study: "Study", name: str) -> list[str]:
    """Return the model `name`, its teacher, that one's teacher and so on."""
    names = [name]
    while teacher := teacher_of(study.models[names[-1]]):
        if teacher in names:
            break
        names.append(teacher)
    return names


def teaching_run(study: "Study", name: str) -> tuple[str, int] | None:
    """Return the (cell, seed) that teaches the model `name`; None where a base model does, or nothing.

    The seed is the student's own where the cell has it, so that students of several seeds have as many teachers.
    """
    cell = getattr(study.models[name], "cell", None) if teacher_of(study.models[name]) else None
    if cell is None:
        return None
    seeds, own = study.seeds_of(cell), study.models[name].seed
    return cell, own if own in seeds else seeds[0]


def bind_teachers(study: "Study") -> str | None:
    """Give each student of `study` its teacher's parameters; return the first fault in words, with its key.

    The teachers' names are known to exist.
    """
    for name in study.models:
        chain = lineage(study, name)
        if teacher := teacher_of(study.models[chain[-1]]):
            return f"models.{name}.teacher: got {' of '.join([*chain[1:], teacher])}: no model teaches itself"
    for name in sorted(study.models, key=lambda name: len(lineage(study, name))):
        model = study.models[name]
        teacher = teacher_of(model)
        if teacher is None:
            continue
        if problem := model.bind(study.models[teacher]):
            return f"models.{name}: {problem}"
        if model.cell is not None and study.model_of(model.cell) != teacher:
            fitting = [cell for cell in study.adaptation.cells if study.model_of(cell) == teacher]
            return f"models.{name}.cell: {nearest(model.cell, fitting, f'cell that adapts {teacher}')}"
    return None
