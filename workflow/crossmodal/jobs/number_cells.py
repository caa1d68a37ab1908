"""Job: the numbers of every cell that need no question: recall on clean test sets, parameters, training times."""

from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.cells import cell_numbers, retrieval_record
from crossmodal.statistics.numbers import write_numbers
from crossmodal.statistics.panel import read_result
from crossmodal.statistics.records import cell_facts
from crossmodal.statistics.settings import StatisticsParameters


def main(queries: Ins, cards: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    found = cell_numbers(
        [read_result(retrieval_record(path)) for path in queries],
        [card for path in cards for card in AdapterCard.read(path)],
        cell_facts(values["cells"]),
        StatisticsParameters.model_validate(values["statistics"]),
    )
    write_numbers(numbers, found)


if __name__ == "__main__":
    run(main)
