"""Which classes a session has, and which images each is learnt from: by a hash, so that nobody picks them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crossmodal.data.shots import draw_shots
from crossmodal.data.splits import rank
from crossmodal.errors import UserError
from crossmodal.experiments.continual.learning_params import Learnt
from crossmodal.models.class_prompts import words

Sessions = list[list[str]]
"""The classes of each session, in its order; no two sessions share one."""


def sessions_of(labels: Sequence[str | None], room: Learnt, order: int, where: Path) -> Sessions:
    """Return the sessions that the classes of the training images `labels` are dealt to, in one `order`.

    Of a hash of order and class; sessions differ by one class at most. UserError, with the file `where`, for
    a class without a name or with fewer images than shots, for one that is not there, and for more sessions
    than classes.
    """
    counts = Counter(label or "" for label in labels)
    wanted = [name for own in room.classes for name in own] or sorted(counts)
    for name in wanted:
        if not words(name):
            raise UserError(f"{where}: a class without a name ({counts[name]} images); each needs a label")
        if name not in counts:
            raise UserError(f'{where}: no image of the class "{name}" that continual.classes names')
    few = [name for name in wanted if counts[name] < room.shots]
    if few and room.rare == "refuse":
        raise UserError(
            f'{where}: class "{few[0]}" has {counts[few[0]]} training images, continual.shots is {room.shots}'
            f" ({len(few)} such classes); write fewer shots, or rare: leave_out"
        )
    _tell_apart(wanted, where)
    if room.classes:
        found = [[name for name in own if name not in few] for own in room.classes]
    else:
        dealt = sorted(set(wanted) - set(few), key=lambda name: (rank(name, order), name))
        size, rest = divmod(len(dealt), room.sessions)
        ends = [(i + 1) * size + min(i + 1, rest) for i in range(room.sessions)]
        found = [dealt[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    if not all(found):
        kept = sum(map(len, found))
        raise UserError(f"{where}: {room.count()} sessions, but {kept} classes; each session needs one")
    return found


def shots_of(ids: Sequence[str], labels: Sequence[str], room: Learnt, order: int) -> dict[str, list[int]]:
    """Return the rows of the training images that each class is learnt from, in one `order`."""
    found: dict[str, list[int]] = {}
    for row in draw_shots(ids, labels, room.shots, order):
        found.setdefault(labels[row], []).append(row)
    return found


def _tell_apart(classes: Sequence[str], where: Path) -> None:
    """Raise UserError where two classes have one name in words: no model could tell them apart."""
    first: dict[str, str] = {}
    for name in classes:
        if (other := first.setdefault(words(name), name)) != name:
            raise UserError(f'{where}: classes "{other}" and "{name}" have the same name, "{words(name)}"')
