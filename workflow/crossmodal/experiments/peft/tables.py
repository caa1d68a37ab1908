"""Tables of H1: what is kept of full fine-tuning, costs, Pareto frontiers."""

from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.tables import (
    DIRECTIONS,
    OWN,
    RECALLS,
    Row,
    Table,
    by_cell,
    figure,
    short,
    without_empty,
)

PARETO = {
    "parameters": ("trainable parameters", "parameters_trainable", {"direction": "-"}),
    "training_seconds": ("training, s", "training_seconds", {"direction": "-"}),
    "latency": ("an image and a caption, ms", "latency_pair", {"variant": "merged"}),
}
"""Kinds of cost: title, metric and coordinates of the number."""
FORMS = ("merged", "unmerged")


def h1_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return what each cell keeps, where it is adapted to, of full fine-tuning's recall and of its gain."""
    where = {"dataset": OWN, "split": "test", "variant": "clean"}
    titles = {"mean": "mean", **DIRECTIONS}
    groups = [
        (
            f"{short(metric)} kept",
            [(f"{title} %", f"retention_{metric}", {**where, "direction": d}) for d, title in titles.items()],
        )
        for metric in RECALLS[:2]
    ]
    gains = [(f"{short(m)} %", f"normalised_gain_{m}", {**where, "direction": "mean"}) for m in RECALLS[:2]]
    groups.append(("gain kept, mean", gains))
    return by_cell(numbers, "h1", grid, groups, headline)


def subsets_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return what cells keep of full fine-tuning's recall on parts of the target's test queries."""
    place = {"dataset": grid.target, "split": "test", "direction": "mean"}
    kept = numbers.distinct("variant", experiment="peft", metric="retention_recall@1", **place)
    groups = [
        (
            f"{name.partition('@')[2]}, kept",
            [(f"{short(m)} %", f"retention_{m}", {**place, "variant": name}) for m in RECALLS[:2]],
        )
        for name in kept
        if "@" in name
    ]
    return by_cell(numbers, "h1-subsets", grid, groups, headline)


def costs_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return what training and each form of a cell's encoders cost, a row for each form that was measured."""
    encoder = {
        "image ms": "latency_image", "text ms": "latency_text", "both ms": "latency_pair",
        "saved %": "saved_latency_pair", "pairs/s": "throughput_pair", "MFLOP": "flops_pair",
        "memory": "memory_peak",
    }  # fmt: skip
    training = {"parameters saved %": "saved_parameters", "seconds": "training_seconds"}
    rows = []
    for group, cells in grid.groups:
        for cell in cells:
            forms = [f for f in FORMS if numbers.find("peft", "latency_pair", cell=cell, variant=f)] or [""]
            for form in forms:
                found = [numbers.find("peft", m, cell=cell, variant=form) for m in encoder.values()]
                once = form == forms[0]
                found += [
                    numbers.find("peft", m, cell=cell, direction="-", variant="-") if once else None
                    for m in training.values()
                ]
                name = f"{cell}, {form}" if form == "unmerged" else cell
                rows.append(Row(name, [figure(numbers, n) for n in found], cell == headline, group))
    rows = [row for row in rows if any(row.figures)]
    spans = [("encoders", len(encoder)), ("training", len(training))]
    return without_empty(Table("costs", "cell", spans, [*encoder, *training], rows))


def pareto_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return, for each cost, which cells no other dominates in cost and R@1 on the target, and how surely."""
    place = {"dataset": grid.target, "split": "test", "variant": "clean", "direction": "mean"}
    rows = []
    for group, cells in grid.groups:
        for cell in cells:
            found = [numbers.find("peft", "recall@1", cell=cell, **place)]
            for kind in PARETO:
                member = numbers.find("peft", f"pareto_{kind}", cell=cell, **place)
                share = numbers.find("peft", f"pareto_{kind}_probability", cell=cell, **place)
                found += [pareto_cost(numbers, cell, kind) if member else None, member, share]
            if any(found[2::3]):
                rows.append(Row(cell, [figure(numbers, n) for n in found], cell == headline, group))
    spans = [("", 1), *((title, 3) for title, _, _ in PARETO.values())]
    columns = ["R@1 %", *(("cost", "on frontier", "probability %") * len(PARETO))]
    return without_empty(Table("pareto", "cell", spans, columns, rows))


def pareto_cost(numbers: Numbers, cell: str, kind: str) -> Number | None:
    """Return the number of a cell's cost; of times the merged form's, where the method can be merged."""
    _, metric, where = PARETO[kind]
    unmerged = {"variant": "unmerged"} if "variant" in where else where
    return numbers.find("peft", metric, cell=cell, **where) or numbers.find(
        "peft", metric, cell=cell, **unmerged
    )
