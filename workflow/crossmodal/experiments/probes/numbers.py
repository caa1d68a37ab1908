"""Job: the numbers of the probes: quality on the target's test split, and on parts of it."""

from collections.abc import Sequence
from dataclasses import replace

from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.cells import recall_numbers, retrieval_record
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.panel import Result, read_result
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.subsets import on_subset, on_subsets, read_groups


def main(queries: Ins, groups: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    statistics = StatisticsParameters.model_validate(values["statistics"])
    results = [read_result(retrieval_record(path, "probes")) for path in queries]
    found = probe_numbers(results, statistics)
    for name, _, part in on_subsets(results, values["target"], read_groups(groups), values["subsets"]):
        found += on_subset(probe_numbers(part, statistics), name, ("recall@", "concept_recall@"), groups)
    write_numbers(numbers, found)


def probe_numbers(results: Sequence[Result], parameters: StatisticsParameters) -> list[Number]:
    """Return every metric of each probe, as `s*` alone: nothing is trained, so there is no seed to tell apart."""
    return [
        replace(number, n_seeds=None)
        for number in recall_numbers(results, parameters)
        if number.seed == ALL_SEEDS and not number.metric.endswith("_std")
    ]


if __name__ == "__main__":
    run(main)
