"""`crossmodal evaluate`: retrieval with a model on a dataset, with intervals."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal.commands.toolkit import (
    Adapter,
    BatchSize,
    Model,
    Source,
    check_dataset,
    load_model,
    naming_images,
    written,
)

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP

SHOWN = ("recall@1", "recall@5", "recall@10")


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric in one direction, a fraction, with the interval of a bootstrap over images."""

    direction: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n_queries: int


def evaluate(
    source: Source,
    model: Model,
    adapter: Adapter = None,
    out: Annotated[
        Path | None, typer.Option(metavar="NUMBERS.json", help="Where all metrics go, as JSON.")
    ] = None,
    batch_size: BatchSize = 64,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
) -> None:
    """Measure retrieval on a dataset: every caption against all images, every image against all captions.

    Prints recall@1, 5 and 10 in per cent with intervals, by the rules of docs/protocol.md.
    """
    check_dataset(source)
    if out is None:
        numbers, facts = measure(load_model(model, adapter), source, batch_size, resamples, seed)
    else:
        with written(out, source) as temporary:
            numbers, facts = measure(load_model(model, adapter), source, batch_size, resamples, seed)
            content = {"dataset": str(source), "model": model, "adapter": str(adapter) if adapter else None}
            content |= facts | {"numbers": [asdict(number) for number in numbers]}
            temporary.write_text(json.dumps(content, indent=1) + "\n")
    _print(numbers, source, facts["level"])


def measure(
    model: "CLIP", source: Path, batch_size: int, resamples: int, seed: int
) -> tuple[list[Measured], dict[str, Any]]:
    """Return every metric of `model` on the dataset `source`, and what they rest on: counts and the bootstrap.

    As in a study: embeddings go through half precision, and the bootstrap draws images with all their captions.
    """
    from crossmodal.models.embeddings import read_embeddings
    from crossmodal.models.export import export_embeddings
    from crossmodal.statistics.bootstrap import percentile_interval
    from crossmodal.statistics.panel import Panel, read_result
    from crossmodal.statistics.queries import evaluate_set
    from crossmodal.statistics.records import QueryRecord
    from crossmodal.statistics.settings import StatisticsParameters

    settings = StatisticsParameters(resamples=resamples, bootstrap_seed=seed)
    with TemporaryDirectory() as folder:
        images, captions, queries = (
            Path(folder, f"{name}.parquet") for name in ("images", "captions", "queries")
        )
        with naming_images(source):
            counts = export_embeddings(model, source, images, captions, batch_size, {})
        evaluate_set(read_embeddings(images), read_embeddings(captions), queries)
        record = QueryRecord(experiment="-", cell="-", seed=0, dataset=source.stem, split="-", path=queries)
        measured = Panel([read_result(record)], settings).measure("-")
    numbers = []
    for key, seeds in measured.items():
        for estimate in seeds.values():
            low, high = percentile_interval(estimate.samples, settings.level) or (
                estimate.value,
                estimate.value,
            )
            numbers.append(Measured(key.direction, key.metric, estimate.value, low, high, estimate.queries))
    facts = {"images": counts[0], "captions": counts[1], "level": settings.level, "resamples": resamples}
    return numbers, facts


def _print(numbers: list[Measured], source: Path, level: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from crossmodal.report.formatting import format_level

    table = Table("direction", "metric", "%", f"{format_level(level)} interval", "queries", title=source.name)
    for number in numbers:
        if number.metric in SHOWN:
            low, value, high = (f"{100 * n:.1f}" for n in (number.ci_low, number.value, number.ci_high))
            table.add_row(number.direction, number.metric, value, f"{low} to {high}", str(number.n_queries))
    Console().print(table)
