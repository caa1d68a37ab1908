"""Job: the numbers of H3: what each way to search finds, loses, gains and takes."""

from pathlib import Path

from crossmodal.experiments.search.claims import claims
from crossmodal.experiments.search.facts import fact_numbers
from crossmodal.experiments.search.found import found_numbers, read_answers
from crossmodal.experiments.search.latency import latency_numbers
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.records import RunRecord, TimesRecord
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.numbers import write_numbers
from crossmodal.statistics.records import cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import targets_of


def main(queries: Ins, records: Ins, times: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    parameters = StatisticsParameters.model_validate(values["statistics"])
    room, target = Params.model_validate(values["room"]), values["target"]
    results = [result for path in queries for result in read_answers(path, room, target)]
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


def _coordinates(folder: Path) -> dict[str, str | int]:
    """Return cell and seed from a folder .../<cell>/s<seed>."""
    return {"cell": folder.parent.name, "seed": int(folder.name[1:])}


if __name__ == "__main__":
    run(main)
