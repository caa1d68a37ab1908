"""All numbers of a study, from the results of its queries, the cards of its models and its timings."""

from collections.abc import Mapping, Sequence

from crossmodal.errors import UserError
from crossmodal.experiments.peft.encoder_numbers import encoder_latencies, encoder_numbers, pair_latency
from crossmodal.experiments.robustness.degradations import attack_numbers, degradation
from crossmodal.experiments.robustness.sanity import sanity_numbers
from crossmodal.experiments.robustness.selection import selection_numbers
from crossmodal.experiments.search.latency import search_numbers
from crossmodal.statistics.comparisons import mean_recall, quality, retention, search_loss
from crossmodal.statistics.costs import parameter_numbers, training_costs
from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number, validate
from crossmodal.statistics.panel import Measured, Panel, Result, read_result
from crossmodal.statistics.pareto import pareto_numbers
from crossmodal.statistics.records import (
    AdapterCard,
    CellFacts,
    EncoderCost,
    QueryRecord,
    SanityCheck,
    SearchRecord,
    ShiftFacts,
    distinct,
)
from crossmodal.statistics.settings import EvaluationParameters, HypothesisParameters

CLEAN = "clean"


def summarise(
    queries: Sequence[QueryRecord],
    target: str,
    parameters: EvaluationParameters,
    roles: HypothesisParameters,
    cards: Sequence[AdapterCard] = (),
    encoders: Sequence[EncoderCost] = (),
    searches: Sequence[SearchRecord] = (),
    *,
    cells: Mapping[str, CellFacts] | None = None,
    shifts: Mapping[str, ShiftFacts] | None = None,
    attacked: Sequence[QueryRecord] = (),
    sanity: Sequence[SanityCheck] = (),
) -> list[Number]:
    """Return every number of a study, in the order of the records; the functions called say what each means.

    `target` is the dataset that a cell is adapted to where `cells` does not say otherwise; degradation is
    measured against the clean set of a cell's own. A variant that `shifts` does not know is taken for a shift
    of images without a severity. UserError if a result is named twice or cannot be read.
    """
    _no_duplicates([*queries, *attacked])
    homes = {cell: facts.dataset for cell, facts in (cells or {}).items()}
    numbers, recalls = retrieval_numbers(
        [read_result(record) for record in queries], target, parameters, roles, homes, shifts or {}
    )
    latencies = encoder_latencies(encoders, parameters)
    costs = training_costs(cards) | {"latency": pair_latency(latencies)}
    numbers += [
        *attacked_numbers([read_result(record) for record in attacked], parameters),
        *parameter_numbers(cards, lambda cell: roles.reference_on(homes.get(cell, target), target)),
        *selection_numbers(cards, cells or {}),
        *encoder_numbers(encoders, latencies, roles.reference, parameters),
        *pareto_numbers(Place("peft", "-", target, "test", CLEAN, "mean"), recalls, costs),
        *search_numbers(searches, parameters),
        *sanity_numbers(sanity),
    ]
    validate(numbers)
    return numbers


def retrieval_numbers(
    results: Sequence[Result],
    target: str,
    parameters: EvaluationParameters,
    roles: HypothesisParameters,
    homes: Mapping[str, str],
    shifts: Mapping[str, ShiftFacts],
) -> tuple[list[Number], dict[str, Estimate]]:
    """Return quality, retention, degradation and loss of approximate search of every cell.

    `homes` are the datasets that cells are adapted to, where that is not `target`. Also returned, by cell, is
    recall@1 on the clean test set of `target`, mean of both directions and of seeds, of the cells adapted to it.
    """
    numbers: list[Number] = []
    recalls: dict[str, Estimate] = {}
    level = parameters.level
    for dataset, split in dict.fromkeys((r.record.dataset, r.record.split) for r in results):
        group = [r for r in results if (r.record.dataset, r.record.split) == (dataset, split)]
        panel = Panel(group, "cluster", parameters)
        standards: dict[str, Measured] = {}
        for cell in _cells(group):
            place = Place("-", cell, dataset, split, "-", "-")
            home = homes.get(cell, target)
            measured = panel.measure(cell)
            numbers += quality(place, measured, level)
            reference = roles.reference_on(home, target)
            for role in {reference, roles.baseline} - {None, *standards}:
                standards[str(role)] = panel.measure(str(role))
            if reference and cell != reference and standards[reference]:
                zero = standards[roles.baseline] if roles.baseline and cell != roles.baseline else None
                numbers += retention(place, measured, standards[reference], zero, level)
            if roles.exhaustive:
                numbers += search_loss(place, measured, roles.exhaustive, level)
            if dataset == home:
                numbers += degradation(place, home, measured, level, shifts)
            if dataset == home == target and split == "test":
                both = mean_recall(measured, target, "recall@1")
                recalls |= {cell: both[ALL_SEEDS]} if both else {}
        for home in dict.fromkeys(homes.get(cell, target) for cell in _cells(group)):
            if home != dataset:
                adapted = [r for r in results if homes.get(r.record.cell, target) == home]
                numbers += _other_dataset(adapted, dataset, split, home, parameters)
    return numbers, recalls


def attacked_numbers(results: Sequence[Result], parameters: EvaluationParameters) -> list[Number]:
    """Return recall and degradation under attack of every cell; resampled are the attacked queries."""
    numbers: list[Number] = []
    for dataset, split in dict.fromkeys((r.record.dataset, r.record.split) for r in results):
        group = [r for r in results if (r.record.dataset, r.record.split) == (dataset, split)]
        panel = Panel(group, "cluster", parameters)
        for cell in _cells(group):
            place = Place("attack", cell, dataset, split, "-", "-")
            numbers += attack_numbers(place, panel.measure(cell), parameters.level)
    return numbers


def _other_dataset(
    results: Sequence[Result], dataset: str, split: str, home: str, parameters: EvaluationParameters
) -> list[Number]:
    """Degradation from the clean set of `home` to another dataset: paired by label, since images differ."""
    group = [
        r
        for r in results
        if r.record.dataset in (dataset, home)
        and r.record.split == split
        and r.record.variant == CLEAN
        and r.record.experiment != "search"
    ]
    panel = Panel(group, "label", parameters)
    numbers: list[Number] = []
    for cell in _cells(group):
        place = Place("-", cell, dataset, split, "-", "-")
        numbers += degradation(place, home, panel.measure(cell), parameters.level)
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
