"""Tables of continual learning: what is learnt and forgotten, what is kept, what it takes, and the matrices."""

from collections.abc import Mapping, Sequence

from crossmodal.experiments.continual.costs import ROOM
from crossmodal.experiments.continual.params import BEFORE, JOINT, Params
from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.tables import ONE_SEED, Row, Table, Tables, figure, short, without_empty
from crossmodal.statistics.names import CHANCE

COSTS = {
    "parameters_trained": "trained",
    "parameters_changed": "changed",
    "flops_step": "MFLOP an image",
    "training_seconds_choosing": "choosing s",
    "training_seconds": "training s",
}
RECALLS = ("recall@1", "recall@10")
Wanted = tuple[str, str, Mapping[str, str]]
"""Title of a column, metric and coordinates."""


def tables(numbers: Numbers, room: Params, target: str) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    found: Tables = {
        "continual": [("", learning_table(numbers, room))],
        "continual-gains": [("", gains_table(numbers, room))],
        "continual-kept": [("", kept_table(numbers, room, target))],
        "continual-shifts": [("", shifts_table(numbers, room))],
        "continual-costs": [("", costs_table(numbers, room))],
        "continual-validation": [("", validation_table(numbers, room))],
    }
    chosen = [name for name in (room.cell, room.baseline, room.random) if name] or list(room.cells)[:3]
    matrices = [(cell, matrix_table(numbers, room, cell)) for cell in dict.fromkeys(chosen)]
    return found | {"continual-matrix": [(cell, table) for cell, table in matrices if table]}


def learning_table(numbers: Numbers, room: Params) -> Table:
    """Return accuracy, forgetting and transfer of each cell, and its upper bound."""
    clean = _at(room)
    learnt: list[Wanted] = [
        ("before %", "average_accuracy_before", clean),
        ("after %", "average_accuracy", clean),
        ("each image %", "image_accuracy", clean),
        ("at once %", "average_accuracy", _at(room, JOINT)),
    ]
    lost: list[Wanted] = [
        ("forgetting %", "forgetting", clean),
        ("backward %", "backward_transfer", clean),
        ("forward %", "forward_transfer", clean),
    ]
    groups = [("accuracy, each class once", learnt), ("what sessions do to others", lost)]
    return _table("continual", numbers, [*room.cells, CHANCE], groups, room.cell)


def gains_table(numbers: Numbers, room: Params) -> Table:
    """Return how far each cell ends above the base model and above those that it is compared with, a row each.

    Cells are compared with few of all others: a column for each other cell would be almost empty.
    """
    rows = []
    for cell in room.cells:
        for other in (BEFORE, *room.over(cell)):
            metrics = [f"gain_over_{other}_{metric}" for metric in ("average_accuracy", "forgetting")]
            found = [numbers.find(ROOM, metric, cell=cell, **_at(room)) for metric in metrics]
            name = "what it was before" if other == BEFORE else other
            rows.append(_row(numbers, name, found, strong=cell == room.cell, group=cell))
    columns = ["accuracy after all sessions, points", "forgetting, points"]
    return without_empty(
        Table(
            "continual-gains",
            "cell above another",
            [("", len(columns))],
            columns,
            [row for row in rows if any(row.figures)],
        )
    )


def kept_table(numbers: Numbers, room: Params, target: str) -> Table:
    """Return what is left of the base model: classes of other datasets, and retrieval on the target."""
    groups = []
    for dataset in room.retention.datasets:
        where = {"dataset": dataset, "split": "test", "variant": "clean", "direction": "-"}
        groups.append((dataset, [
            ("before %", "accuracy_before", where),
            ("after %", "accuracy", where),
            ("kept %", "retention_above_chance", where),
        ]))  # fmt: skip
    where = {"dataset": target, "split": "test", "variant": "clean", "direction": "mean"}
    columns = [(f"{short(m)} %", m, where) for m in RECALLS]
    columns += [(f"{short(m)} kept %", f"retention_{m}", where) for m in RECALLS]
    groups.append((f"retrieval on {target}, mean of both directions", columns))
    return _table("continual-kept", numbers, [*room.cells, CHANCE], groups, room.cell)


def shifts_table(numbers: Numbers, room: Params) -> Table:
    """Return accuracy after the last session under each shift, and before any."""
    groups: list[tuple[str, list[Wanted]]] = [
        (shift, [("before %", "average_accuracy_before", _at(room, shift)),
                 ("after %", "average_accuracy", _at(room, shift))])
        for shift in room.shifts
    ]  # fmt: skip
    return _table("continual-shifts", numbers, list(room.cells), groups, room.cell)


def costs_table(numbers: Numbers, room: Params) -> Table:
    """Return parameters, operations and seconds of a session, means over sessions and orders."""
    columns = [(title, metric, {"dataset": "-"}) for metric, title in COSTS.items()]
    groups = [("parameters", columns[:2]), ("a training step", columns[2:3]), ("a session", columns[3:])]
    return _table("continual-costs", numbers, list(room.cells), groups, room.cell, trained=False)


def validation_table(numbers: Numbers, room: Params) -> Table:
    """Return accuracy on validation images, by which settings are chosen."""
    where = _at(room) | {"split": "val"}
    columns = [("before %", "average_accuracy_before", where), ("after %", "average_accuracy", where)]
    return _table("continual-validation", numbers, list(room.cells), [("validation images", columns)], None)


def matrix_table(numbers: Numbers, room: Params, cell: str) -> Table:
    """Return the accuracy of a cell after each session (rows) on each session's classes (columns)."""
    sessions = range(1, room.count() + 1)
    rows = []
    for after in range(room.count() + 1):
        found = [
            numbers.find(ROOM, "accuracy", cell=cell, **_at(room, f"after-{after}@session-{asked}"))
            for asked in sessions
        ]
        name = f"after {after}" if after else "before any"
        rows.append(Row(name, [figure(numbers, number) for number in found]))
    columns = [f"session {asked} %" for asked in sessions]
    kept = [row for row in rows if any(row.figures)]
    spans = [("classes of", len(columns))]
    return without_empty(Table(f"continual-matrix-{cell}", "sessions learnt", spans, columns, kept))


def _at(room: Params, variant: str = "clean") -> dict[str, str]:
    return {"dataset": str(room.dataset), "split": "test", "variant": variant, "direction": "-"}


def _row(
    numbers: Numbers, name: str, found: Sequence[Number | None], *, strong: bool, group: str = "",
    trained: bool = True,
) -> Row:  # fmt: skip
    """Return a row of numbers; of results of one order it is said."""
    orders = [number.n_seeds for number in found if number is not None and number.n_seeds is not None]
    one = trained and bool(orders) and max(orders) == 1
    caveats = (ONE_SEED.replace("seed", "order"),) if one else ()
    return Row(name, [figure(numbers, number) for number in found], strong, group, caveats=caveats)


def _table(
    name: str, numbers: Numbers, cells: Sequence[str], groups: Sequence[tuple[str, Sequence[Wanted]]],
    headline: str | None, *, trained: bool = True,
) -> Table:  # fmt: skip
    """Return a row for each cell that has numbers."""
    wanted = [column for _, columns in groups for column in columns]
    rows = []
    for cell in cells:
        found = [numbers.find(ROOM, metric, cell=cell, **where) for _, metric, where in wanted]
        row = _row(numbers, cell, found, strong=cell == headline, trained=trained)
        rows += [row] if any(row.figures) else []
    spans = [(title, len(columns)) for title, columns in groups]
    return without_empty(Table(name, "cell", spans, [title for title, _, _ in wanted], rows))
