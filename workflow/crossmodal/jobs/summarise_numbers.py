"""Job: all numbers of the study, the verdicts on its hypotheses, and CLIP_benchmark's layout."""

from pathlib import Path

from crossmodal.evaluation.clip_benchmark import write_clip_benchmark
from crossmodal.evaluation.hypotheses import judge, write_hypotheses
from crossmodal.evaluation.numbers import write_numbers
from crossmodal.evaluation.records import AdapterCard, EncoderLatency, QueryRecord, SearchRecord
from crossmodal.evaluation.settings import EvaluationParameters, HypothesisParameters
from crossmodal.evaluation.summary import summarise
from crossmodal.jobs.run import Ins, Out, Spec, run


def main(
    queries: Ins, cards: Ins, searches: Ins, searched: Ins, encoders: Ins,
    metrics: Out, hypotheses: Out, clip_benchmark: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    target = values["target"]
    roles = HypothesisParameters.model_validate(values["hypotheses"])
    numbers = summarise(
        [*map(_retrieval, queries), *(_search(path, target) for path in searched)],
        target, EvaluationParameters.model_validate(values["statistics"]), roles,
        [card for path in cards for card in AdapterCard.read(path)],
        [timing for path in encoders for timing in EncoderLatency.read(path)],
        [record for path in searches for record in SearchRecord.read(path)],
    )  # fmt: skip
    write_numbers(metrics, numbers)
    write_hypotheses(hypotheses, judge(numbers, target, roles))
    write_clip_benchmark(clip_benchmark, numbers, values["model"])


def _retrieval(path: Path) -> QueryRecord:
    """Read what a result is of from its place: .../cell/s0/dataset/split/variant/queries.parquet."""
    cell, seed, dataset, split, variant = path.parts[-6:-1]
    return QueryRecord(
        experiment="peft" if variant == "clean" else "robustness",
        cell=cell, seed=int(seed[1:]), dataset=dataset, split=split, variant=variant, path=path,
    )  # fmt: skip


def _search(path: Path, target: str) -> QueryRecord:
    """Read what a result is of from its place: .../cell/s0/pipeline/queries.parquet."""
    cell, seed, pipeline = path.parts[-4:-1]
    return QueryRecord(
        experiment="search",
        cell=cell, seed=int(seed[1:]), dataset=target, split="test", variant=pipeline, path=path,
    )  # fmt: skip


if __name__ == "__main__":
    run(main)
