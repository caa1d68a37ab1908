"""Tables of few-shot classification: accuracy by shots, by set and elsewhere, gains, what was chosen, costs."""

from collections.abc import Iterator, Sequence

from crossmodal.experiments.few_shot.accuracies import ROOM
from crossmodal.experiments.few_shot.names import (
    ACCURACY,
    CLASS_ACCURACY,
    ELSEWHERE,
    SETS,
    UNSEEN,
    variant_of,
)
from crossmodal.experiments.few_shot.params import Params
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import ONE_SEED, Row, Table, Tables, figure, without_empty
from crossmodal.statistics.names import CHANCE
from crossmodal.statistics.queries import IMAGE_TO_TEXT

COSTS = {
    "parameters_trained": "trained parameters",
    "training_seconds": "fit s",
    "latency_answer": "an answer ms",
    "flops": "an answer MFLOP",
    "memory_bytes": "kept",
}
Wanted = tuple[str, dict[str, str]]
"""A metric of experiment `few_shot` and its coordinates."""


def tables(numbers: Numbers, room: Params) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return {
        "few-shot": [("", shots_table(numbers, room))],
        "few-shot-sets": [("", sets_table(numbers, room))],
        "few-shot-gains": [("", gains_table(numbers, room))],
        "few-shot-elsewhere": [("", elsewhere_table(numbers, room))],
        "few-shot-chosen": [("", chosen_table(numbers, room))],
        "few-shot-shots": [("", drawn_table(numbers, room))],
        "few-shot-costs": [("", costs_table(numbers, room))],
    }


def shots_table(numbers: Numbers, room: Params) -> Table:
    """Return the accuracy of each method by shots: mean over all sets, and over those not met before.

    With the most shots also where each class counts once.
    """
    spans, columns, wanted = [], [], list[Wanted]()
    titles = {SETS: "accuracy, mean over the sets", UNSEEN: "over sets that base models have not met"}
    for name in (name for name in room.groups() if name in titles):
        spans.append((titles[name], len(room.shots) + 1))
        columns += [f"{_shots(shots)} %" for shots in sorted(room.shots)]
        wanted += [(ACCURACY, _at(name, variant_of(shots))) for shots in sorted(room.shots)]
        wanted.append((CLASS_ACCURACY, _at(name, variant_of(max(room.shots)))))
        columns.append(f"each class once, {_shots(max(room.shots))} %")
    return _table("few-shot", numbers, room, spans, columns, wanted)


def sets_table(numbers: Numbers, room: Params) -> Table:
    """Return the accuracy of each method with the most shots, by set, and what is beyond the probe."""
    most, count = max(room.shots), len(room.sets)
    metrics = {ACCURACY: f"accuracy, {_shots(most)}"}
    if room.probe:
        metrics[f"gain_over_{room.probe}_{ACCURACY}"] = f"above {room.probe}, points"
    wanted = [(metric, _at(name, variant_of(most))) for metric in metrics for name in room.sets]
    columns = [f"{name} %" for name in room.sets] + (list(room.sets) if room.probe else [])
    spans = [(title, count) for title in metrics.values()]
    return _table("few-shot-sets", numbers, room, spans, columns, wanted)


def gains_table(numbers: Numbers, room: Params) -> Table:
    """Return by how much each method is above the baseline, the reference and the probe, in the judged mean."""
    spans, columns, wanted = [], [], list[Wanted]()
    for other in dict.fromkeys(filter(None, (room.baseline, room.reference, room.probe))):
        spans.append((f"above {other}, points", len(room.shots)))
        columns += [_shots(shots) for shots in sorted(room.shots)]
        wanted += [
            (f"gain_over_{other}_{ACCURACY}", _at(room.judged(), variant_of(shots)))
            for shots in sorted(room.shots)
        ]
    return _table("few-shot-gains", numbers, room, spans, columns, wanted)


def elsewhere_table(numbers: Numbers, room: Params) -> Table:
    """Return the accuracy on sets that were not learnt from, with the most shots of the one that was."""
    if not room.elsewhere:
        return Table("few-shot-elsewhere", "method", [], [])
    variant = variant_of(max(room.shots), room.elsewhere.source)
    wanted = [(ACCURACY, _at(name, variant)) for name in (ELSEWHERE, *room.elsewhere.sets)]
    if room.reference:
        wanted.insert(1, (f"gain_over_{room.reference}_{ACCURACY}", _at(ELSEWHERE, variant)))
    columns = ["mean %", *([f"above {room.reference}"] if room.reference else [])]
    columns += [f"{name} %" for name in room.elsewhere.sets]
    spans = [(f"learnt from {room.elsewhere.source}", len(columns))]
    return _table("few-shot-elsewhere", numbers, room, spans, columns, wanted)


def chosen_table(numbers: Numbers, room: Params) -> Table:
    """Return what validation chose with the most shots, medians over fits, and mean accuracy on its shots."""
    place = {
        "dataset": SETS,
        "split": "val",
        "variant": variant_of(max(room.shots)),
        "direction": IMAGE_TO_TEXT,
    }
    names = [n for n in numbers.distinct("metric", experiment=ROOM) if n.startswith("chosen_")]
    wanted: list[Wanted] = [(ACCURACY, place), *((name, place) for name in names)]
    columns = ["accuracy %", *(name.removeprefix("chosen_") for name in names)]
    return _table("few-shot-chosen", numbers, room, [("validation shots", len(columns))], columns, wanted)


def drawn_table(numbers: Numbers, room: Params) -> Table:
    """Return how many images of a class were learnt from, and what two draws have in common, by set."""
    rows, metrics = [], ("images_per_class", "shots_shared")
    columns = [(metric, shots) for metric in metrics for shots in sorted(room.shots)]
    for name in room.sets:
        where = {"dataset": name, "split": "train"}
        found = [numbers.find(ROOM, metric, variant=variant_of(k), **where) for metric, k in columns]
        rows.append(Row(name, [figure(numbers, number) for number in found]))
    spans = [("images of each class", len(room.shots)), ("shared by two draws, %", len(room.shots))]
    titles = [_shots(k) for _, k in columns]
    return without_empty(
        Table("few-shot-shots", "set", spans, titles, [row for row in rows if any(row.figures)])
    )


def costs_table(numbers: Numbers, room: Params) -> Table:
    """Return what each method is and takes."""
    nowhere = dict.fromkeys(("dataset", "split", "variant", "direction"), "-")
    wanted: list[Wanted] = [(metric, nowhere) for metric in COSTS]
    spans = [("learning", 2), ("answering, features given", 3)]
    return _table("few-shot-costs", numbers, room, spans, list(COSTS.values()), wanted, trained=False)


def methods_of(room: Params) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield groups of methods: those over the first backbone, those over each other, what sees no network."""
    named = [name for name in (*room.methods, room.again()) if name and name != room.probe]
    yield "", named
    for model, own in room.others.items():
        names = [name for name in named if name in own or (name == room.again() and room.reference in own)]
        yield f"features of {model}", [f"{name}@{model}" for name in names]
    yield "without a model", [name for name in (room.probe, CHANCE) if name]


def _table(
    name: str, numbers: Numbers, room: Params, spans: list[tuple[str, int]], columns: list[str],
    wanted: Sequence[Wanted], *, trained: bool = True,
) -> Table:  # fmt: skip
    """Return a row for each method that has a number."""
    one = (ONE_SEED.replace("seed", "draw"),) if trained and len(room.draws) == 1 else ()
    rows = []
    for group, methods in methods_of(room):
        for method in methods:
            shown = [figure(numbers, numbers.find(ROOM, m, cell=method, **where)) for m, where in wanted]
            learns = method not in (room.baseline, CHANCE) and not method.startswith(f"{room.baseline}@")
            row = Row(method, shown, method == room.cell, group, caveats=one if learns else ())
            rows += [row] if any(shown) else []
    return without_empty(Table(name, "method", spans, columns, rows))


def _at(dataset: str, variant: str) -> dict[str, str]:
    return {"dataset": dataset, "split": "test", "variant": variant, "direction": IMAGE_TO_TEXT}


def _shots(shots: int) -> str:
    return f"{shots} shot" if shots == 1 else f"{shots} shots"
