"""The tables of tuning: what was chosen for each family, and what it was chosen from."""

from collections.abc import Iterator, Mapping, Sequence

from crossmodal.experiments.tuning.params import CHOSEN, METRIC
from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.tables import Figure, Row, Table, figure, without_empty


def families_of(numbers: Numbers) -> list[str]:
    """Return the families that have numbers."""
    return numbers.distinct("cell", experiment="tuning")


def measured_rates(numbers: Numbers) -> Iterator[tuple[str, str, Number | None, Number | None]]:
    """Yield family, name of a rate, the rate itself and its validation MRR (mean over seeds)."""
    for family in families_of(numbers):
        for variant in numbers.distinct("variant", experiment="tuning", cell=family):
            if variant != CHOSEN:
                where = {"cell": family, "variant": variant, "seed": "*"}
                rate = numbers.find("tuning", "learning_rate", **where)
                yield family, variant, rate, numbers.find("tuning", METRIC, **where)


def chosen_rates(numbers: Numbers) -> dict[str, str]:
    """Return the name of the rate that was chosen, by family; without those for which none was."""
    found = [n for family in families_of(numbers) for n in numbers.select("tuning", "chosen", cell=family)]
    return {number.cell: number.variant for number in found if number.value == 1}


def edge_families(numbers: Numbers) -> list[str]:
    """Return the families whose chosen rate is the lowest or the highest of the grid."""
    found = [numbers.find("tuning", "chosen_at_edge", cell=family) for family in families_of(numbers)]
    return [number.cell for number in found if number is not None and number.value == 1]


def chosen_table(numbers: Numbers, decides: Mapping[str, Sequence[str]]) -> Table:
    """Return what was chosen for each family; `decides` are the cells that each decides for."""
    chosen = chosen_rates(numbers)
    rows = []
    for family in families_of(numbers):
        here = {"cell": family, "variant": CHOSEN}
        found = [
            numbers.find("tuning", "learning_rate", **here),
            numbers.find("tuning", METRIC, cell=family, variant=chosen[family], seed="*")
            if family in chosen
            else None,
            numbers.find("tuning", f"lead_{METRIC}", **here),
            numbers.find("tuning", f"lead_{METRIC}_std", **here),
            numbers.find("tuning", "chosen_at_edge", **here),
        ]
        rows.append(
            Row(
                family, [figure(numbers, number) for number in found], note=", ".join(decides.get(family, []))
            )
        )
    columns = [
        "learning rate",
        "validation MRR %",
        "ahead of the next best, points",
        "deviation of that over seeds, points",
        "at an edge of the grid",
    ]
    return Table("tuning", "family", [], columns, rows)


def rates_table(numbers: Numbers) -> Table:
    """Return validation MRR of each family (rows) at each learning rate (columns), the chosen one tinted."""
    chosen = chosen_rates(numbers)
    found = {(family, variant): mrr for family, variant, _, mrr in measured_rates(numbers)}
    rates = sorted({variant for _, variant in found}, key=float)

    def shown(family: str, rate: str) -> Figure | None:
        tint = float(chosen.get(family) == rate)
        return figure(numbers, found.get((family, rate)), heat=lambda _: tint)

    rows = [Row(family, [shown(family, rate) for rate in rates]) for family in families_of(numbers)]
    groups = [("validation MRR % by learning rate", len(rates))] if rates else []
    return without_empty(
        Table("tuning-rates", "family", groups, [f"{float(rate):g}" for rate in rates], rows)
    )
