"""Job: the numbers of H3: what each way to search finds, loses and takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.experiments.search.claims import claims
from crossmodal.experiments.search.latency import search_numbers
from crossmodal.experiments.search.losses import rerank_gain, search_loss
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.records import SearchRecord
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.cells import by_split, cells_of
from crossmodal.statistics.comparisons import quality
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import Number, write_numbers
from crossmodal.statistics.panel import Panel, Result, read_result
from crossmodal.statistics.records import QueryRecord, cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target, targets_of


def main(searches: Ins, searched: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    parameters = StatisticsParameters.model_validate(values["statistics"])
    room = Params.model_validate(values["room"])
    found = [
        *found_numbers(
            [read_result(_record(path, values["target"])) for path in searched],
            room.exhaustive,
            parameters,
            targets_of(claims(room, values["target"], cell_facts(values["cells"]))),
        ),
        *search_numbers([record for path in searches for record in SearchRecord.read(path)], parameters),
    ]
    write_numbers(numbers, found)


def found_numbers(
    results: Sequence[Result],
    exhaustive: str | None,
    parameters: StatisticsParameters,
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return the quality of what each pipeline finds, and what it loses beside the index `exhaustive`.

    `targets` are what claims say of numbers, by id.
    """
    numbers: list[Number] = []
    for group in by_split(results):
        panel = Panel(group, parameters)
        for cell in cells_of(group):
            place = Place("-", cell, group[0].record.dataset, group[0].record.split, "-", "-")
            measured = panel.measure(cell)
            numbers += quality(place, measured, parameters.level)
            numbers += rerank_gain(place, measured, parameters.level)
            if exhaustive:
                numbers += search_loss(place, measured, exhaustive, parameters.level, targets)
    return numbers


def _record(path: Path, target: str) -> QueryRecord:
    """Read what a result is of from its place: .../cell/s0/pipeline/queries.parquet."""
    cell, seed, pipeline = path.parts[-4:-1]
    return QueryRecord(
        experiment="search", cell=cell, seed=int(seed[1:]), dataset=target, split="test", variant=pipeline,
        path=path,
    )  # fmt: skip


if __name__ == "__main__":
    run(main)
