"""Job: the numbers of all experiments in one table, the verdicts on their claims, and CLIP_benchmark's layout."""

from dataclasses import asdict

from crossmodal import registry
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.report.figures import ACCURACY, accuracy_rows, headline, write_headline, write_rows
from crossmodal.report.lookup import Numbers
from crossmodal.statistics.clip_benchmark import write_clip_benchmark
from crossmodal.statistics.hypotheses import judge, write_hypotheses
from crossmodal.statistics.numbers import read_numbers, write_numbers
from crossmodal.statistics.records import cell_facts
from crossmodal.statistics.settings import StatisticsParameters


def main(
    numbers: Ins,
    metrics: Out,
    hypotheses: Out,
    clip_benchmark: Out,
    figures: Out,
    accuracy: Out,
    spec: Spec,
) -> None:
    values = spec["parameters"]
    target, cells = values["target"], cell_facts(values["cells"])
    found = [number for path in numbers for number in read_numbers(path)]
    claims = [
        claim
        for room, params in values["rooms"]
        for claim in registry.room(room, "claims").claims(
            registry.room(room, "params").Params.model_validate(params), target, cells
        )
    ]
    judged = judge(claims, found, StatisticsParameters.model_validate(values["statistics"]).level)
    write_numbers(metrics, found)  # refuses an id that two experiments use
    write_hypotheses(hypotheses, judged)
    write_clip_benchmark(clip_benchmark, found, {cell: facts.model for cell, facts in cells.items()})
    joined = Numbers.read(metrics)
    write_headline(figures, headline(joined, list(map(asdict, judged)), target))
    write_rows(accuracy, ACCURACY, accuracy_rows(joined, target))


if __name__ == "__main__":
    run(main)
