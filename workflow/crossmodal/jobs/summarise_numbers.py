"""Job: all numbers of the study, the verdicts on its hypotheses, and CLIP_benchmark's layout."""

from pathlib import Path

from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.clip_benchmark import write_clip_benchmark
from crossmodal.statistics.hypotheses import judge, write_hypotheses
from crossmodal.statistics.numbers import write_numbers
from crossmodal.statistics.records import (
    AdapterCard,
    CellFacts,
    EncoderCost,
    QueryRecord,
    SanityCheck,
    SearchRecord,
    ShiftFacts,
)
from crossmodal.statistics.settings import EvaluationParameters, HypothesisParameters
from crossmodal.statistics.summary import summarise


def main(
    queries: Ins, cards: Ins, searches: Ins, searched: Ins, encoders: Ins, attacked: Ins, sanity: Ins,
    metrics: Out, hypotheses: Out, clip_benchmark: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    target = values["target"]
    roles = HypothesisParameters.model_validate(values["hypotheses"])
    cells = {name: CellFacts.model_validate(facts) for name, facts in values["cells"].items()}
    numbers = summarise(
        [*map(_retrieval, queries), *(_search(path, target) for path in searched)],
        target, EvaluationParameters.model_validate(values["statistics"]), roles,
        [card for path in cards for card in AdapterCard.read(path)],
        [cost for path in encoders for cost in EncoderCost.read(path)],
        [record for path in searches for record in SearchRecord.read(path)],
        cells=cells,
        shifts={name: ShiftFacts.model_validate(facts) for name, facts in values["shifts"].items()},
        attacked=[_retrieval(path, "attack") for path in attacked],
        sanity=[check for path in sanity for check in SanityCheck.read(path, **_run(path))],
    )  # fmt: skip
    write_numbers(metrics, numbers)
    write_hypotheses(hypotheses, judge(numbers, target, roles, cells))
    write_clip_benchmark(clip_benchmark, numbers, values["model"])


def _retrieval(path: Path, experiment: str = "") -> QueryRecord:
    """Read what a result is of from its place: .../cell/s0/dataset/split/variant/queries.parquet."""
    cell, seed, dataset, split, variant = path.parts[-6:-1]
    return QueryRecord(
        experiment=experiment or ("peft" if variant == "clean" else "robustness"),
        cell=cell, seed=int(seed[1:]), dataset=dataset, split=split, variant=variant, path=path,
    )  # fmt: skip


def _search(path: Path, target: str) -> QueryRecord:
    """Read what a result is of from its place: .../cell/s0/pipeline/queries.parquet."""
    cell, seed, pipeline = path.parts[-4:-1]
    return QueryRecord(
        experiment="search",
        cell=cell, seed=int(seed[1:]), dataset=target, split="test", variant=pipeline, path=path,
    )  # fmt: skip


def _run(path: Path) -> dict[str, str]:
    """Read cell and seed from the place of a file: .../cell/s0/..., the last folder that is named like a seed."""
    place = max(i for i, part in enumerate(path.parts) if part[0] == "s" and part[1:].isdigit())
    return {"cell": path.parts[place - 1], "seed": path.parts[place][1:]}


if __name__ == "__main__":
    run(main)
