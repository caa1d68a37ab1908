"""Job: the numbers of the probes: quality on the target's test split, and on parts of it."""

from collections.abc import Sequence

from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.cells import by_split, cells_of, retrieval_record
from crossmodal.statistics.comparisons import quality
from crossmodal.statistics.estimates import Place, fixed
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.panel import Panel, Result, read_result
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.subsets import on_subset, on_subsets, read_groups


def main(queries: Ins, groups: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    statistics = StatisticsParameters.model_validate(values["statistics"])
    results = [read_result(retrieval_record(path, "probes")) for path in queries]
    found = probe_numbers(results, statistics)
    for name, _, part in on_subsets(results, values["target"], read_groups(groups), values["subsets"]):
        found += on_subset(probe_numbers(part, statistics), name, ("recall@", "concept_recall@"))
    write_numbers(numbers, found)


def probe_numbers(results: Sequence[Result], parameters: StatisticsParameters) -> list[Number]:
    """Return every metric of each probe, as `s*` alone: nothing is trained, so there is no seed to tell apart."""
    numbers: list[Number] = []
    for group in by_split(results):
        panel = Panel(group, parameters)
        dataset, split = group[0].record.dataset, group[0].record.split
        for probe in cells_of(group):
            measured = {key: fixed(seeds) for key, seeds in panel.measure(probe).items()}
            found = quality(Place("-", probe, dataset, split, "-", "-"), measured, parameters.level)
            numbers += [n for n in found if n.seed == ALL_SEEDS and not n.metric.endswith("_std")]
    return numbers


if __name__ == "__main__":
    run(main)
