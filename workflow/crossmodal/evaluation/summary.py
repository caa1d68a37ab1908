"""All numbers of a study, from the results of its queries, the cards of its models and its timings."""

from collections.abc import Sequence

from crossmodal.errors import UserError
from crossmodal.evaluation.comparisons import degradation, quality, retention, search_loss
from crossmodal.evaluation.costs import parameter_numbers
from crossmodal.evaluation.estimates import Place
from crossmodal.evaluation.latency import encoder_numbers, search_numbers
from crossmodal.evaluation.numbers import Number, validate
from crossmodal.evaluation.panel import Panel, Result, read_result
from crossmodal.evaluation.records import (
    AdapterCard,
    EncoderLatency,
    QueryRecord,
    SearchRecord,
    distinct,
)
from crossmodal.evaluation.settings import EvaluationParameters, HypothesisParameters

CLEAN = "clean"


def summarise(
    queries: Sequence[QueryRecord],
    target: str,
    parameters: EvaluationParameters,
    roles: HypothesisParameters,
    cards: Sequence[AdapterCard] = (),
    encoders: Sequence[EncoderLatency] = (),
    searches: Sequence[SearchRecord] = (),
) -> list[Number]:
    """Return every number of a study, in the order of the records; the functions called say what each means.

    `target` is the dataset that cells are adapted to, whose clean set degradation is measured against.
    UserError if a result is named twice or cannot be read.
    """
    _no_duplicates(queries)
    results = [read_result(record) for record in queries]
    numbers = [
        *retrieval_numbers(results, target, parameters, roles),
        *parameter_numbers(cards, roles.reference),
        *encoder_numbers(encoders, roles.reference, parameters),
        *search_numbers(searches, parameters),
    ]
    validate(numbers)
    return numbers


def retrieval_numbers(
    results: Sequence[Result], target: str, parameters: EvaluationParameters, roles: HypothesisParameters
) -> list[Number]:
    """Return quality, retention, degradation and loss of approximate search of every cell."""
    numbers: list[Number] = []
    level = parameters.level
    for dataset, split in dict.fromkeys((r.record.dataset, r.record.split) for r in results):
        group = [r for r in results if (r.record.dataset, r.record.split) == (dataset, split)]
        panel = Panel(group, "cluster", parameters)
        reference = panel.measure(roles.reference) if roles.reference else {}
        baseline = panel.measure(roles.baseline) if roles.baseline else {}
        for cell in _cells(group):
            place = Place("-", cell, dataset, split, "-", "-")
            measured = panel.measure(cell)
            numbers += quality(place, measured, level)
            if reference and cell != roles.reference:
                zero = baseline if cell != roles.baseline else None
                numbers += retention(place, measured, reference, zero, level)
            if roles.exhaustive:
                numbers += search_loss(place, measured, roles.exhaustive, level)
            if dataset == target:
                numbers += degradation(place, target, measured, level)
        if dataset != target:
            numbers += _other_dataset(results, dataset, split, target, parameters)
    return numbers


def _other_dataset(
    results: Sequence[Result], dataset: str, split: str, target: str, parameters: EvaluationParameters
) -> list[Number]:
    """Degradation from the target's clean set to another dataset: paired by label, since images differ."""
    group = [
        r
        for r in results
        if r.record.dataset in (dataset, target)
        and r.record.split == split
        and r.record.variant == CLEAN
        and r.record.experiment != "search"
    ]
    panel = Panel(group, "label", parameters)
    numbers: list[Number] = []
    for cell in _cells(group):
        place = Place("-", cell, dataset, split, "-", "-")
        numbers += degradation(place, target, panel.measure(cell), parameters.level)
    return numbers


def _cells(results: Sequence[Result]) -> list[str]:
    return distinct([result.record for result in results], "cell")


def _no_duplicates(queries: Sequence[QueryRecord]) -> None:
    seen = set()
    for r in queries:
        key = (r.experiment, r.cell, r.seed, r.dataset, r.split, r.variant)
        if key in seen:
            raise UserError(f"{r.path}: a second result for {' '.join(map(str, key))}; each is given once")
        seen.add(key)
