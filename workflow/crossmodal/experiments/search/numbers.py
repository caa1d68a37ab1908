"""Job: the numbers of H3: what each way to search finds, loses, gains and takes."""

from pathlib import Path

from crossmodal.experiments.search.claims import claims
from crossmodal.experiments.search.facts import fact_numbers
from crossmodal.experiments.search.found import found_numbers, read_shares, with_shares
from crossmodal.experiments.search.latency import latency_numbers
from crossmodal.experiments.search.names import read_way
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.records import RunRecord, TimesRecord
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.numbers import write_numbers
from crossmodal.statistics.panel import read_result
from crossmodal.statistics.records import QueryRecord, cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import targets_of


def main(queries: Ins, shares: Ins, records: Ins, times: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    parameters = StatisticsParameters.model_validate(values["statistics"])
    room, target = Params.model_validate(values["room"]), values["target"]
    found = read_shares(shares, room)
    results = [
        with_shares(read_result(record), found)
        for record in (query_record(path, target, room) for path in queries)
    ]
    runs = [record for path in records for record in RunRecord.read(path, **_coordinates(path.parent.parent))]
    timed = [
        record for path in times for record in TimesRecord.read(path, **_coordinates(path.parent.parent))
    ]
    targets = targets_of(claims(room, target, cell_facts(values["cells"])))
    write_numbers(
        numbers,
        [
            *found_numbers(results, room, parameters, targets),
            *fact_numbers(runs, room, target, parameters),
            *latency_numbers(timed, room, target, parameters),
        ],
    )


def query_record(path: Path, target: str, room: Params) -> QueryRecord:
    """Return what a result is of, from its place: .../<cell>/s<seed>/r<run>/<gallery>/<way>/<asked>/<file>.

    The run takes the place of the seed: of the cell there is one.
    """
    cell, _, run, gallery, plain, asked = path.parts[-7:-1]
    way = room.named(read_way(plain), gallery, asked)
    return QueryRecord(
        experiment="search", cell=cell, seed=int(run[1:]), dataset=target, split="test", variant=way.variant,
        path=path,
    )  # fmt: skip


def _coordinates(folder: Path) -> dict[str, str | int]:
    """Return cell and seed from a folder .../<cell>/s<seed>."""
    return {"cell": folder.parent.name, "seed": int(folder.name[1:])}


if __name__ == "__main__":
    run(main)
