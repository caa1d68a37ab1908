"""Job: the numbers of every cell that need no question: recall on clean test sets, parameters, training times."""

from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.captions import caption_numbers
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.cells import cell_numbers, retrieval_record, subset_numbers
from crossmodal.statistics.numbers import write_numbers
from crossmodal.statistics.panel import CLEAN, read_result
from crossmodal.statistics.records import cell_facts
from crossmodal.statistics.settings import StatisticsParameters


def main(queries: Ins, cards: Ins, groups: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    results = [read_result(retrieval_record(path)) for path in queries]
    statistics = StatisticsParameters.model_validate(values["statistics"])
    read = [card for path in cards for card in AdapterCard.read(path)]
    found = cell_numbers(results, read, cell_facts(values["cells"]), statistics)
    found += subset_numbers(results, values["target"], groups, values["subsets"], statistics)
    own = [r.record for r in results if (r.record.dataset, r.record.split) == (values["target"], "test")]
    found += caption_numbers([record for record in own if record.variant == CLEAN], statistics)
    write_numbers(numbers, found)


if __name__ == "__main__":
    run(main)
