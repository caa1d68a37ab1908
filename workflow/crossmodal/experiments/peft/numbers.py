"""Job: the numbers of H1: what cells keep of full fine-tuning, what they cost, which none other dominates."""

from collections.abc import Mapping, Sequence

from crossmodal.experiments.peft.claims import claims
from crossmodal.experiments.peft.encoder_numbers import encoder_latencies, encoder_numbers, pair_latency
from crossmodal.experiments.peft.params import Params, Roles
from crossmodal.experiments.peft.records import EncoderCost
from crossmodal.experiments.peft.retention import reference_numbers, retention
from crossmodal.experiments.peft.savings import saved_parameters
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.cells import by_split, cells_of, retrieval_record
from crossmodal.statistics.comparisons import mean_recall
from crossmodal.statistics.costs import training_costs
from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.panel import Measured, Panel, Result, read_result
from crossmodal.statistics.pareto import pareto_numbers
from crossmodal.statistics.records import CellFacts, cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.subsets import on_subset, on_subsets, read_groups
from crossmodal.statistics.targets import targets_of


def main(queries: Ins, cards: Ins, encoders: Ins, groups: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    results = [read_result(retrieval_record(path)) for path in queries]
    cells, roles = cell_facts(values["cells"]), Params.model_validate(values["room"])
    statistics = StatisticsParameters.model_validate(values["statistics"])
    target = values["target"]
    found = peft_numbers(
        results,
        [card for path in cards for card in AdapterCard.read(path)],
        [cost for path in encoders for cost in EncoderCost.read(path)],
        target,
        cells,
        roles,
        statistics,
    )
    for name, _, part in on_subsets(results, target, read_groups(groups), values["subsets"]):
        kept, _ = retained(part, target, cells, roles, statistics)
        found += on_subset(kept, name, ("retention_",), groups)
    write_numbers(numbers, found)


def peft_numbers(
    results: Sequence[Result],
    cards: Sequence[AdapterCard],
    encoders: Sequence[EncoderCost],
    target: str,
    cells: Mapping[str, CellFacts],
    roles: Params,
    parameters: StatisticsParameters,
) -> list[Number]:
    """Return retention and gain, parameters saved, costs of encoders, and Pareto frontiers on `target`.

    `results` are those on clean test sets.
    """
    kept, recalls = retained(results, target, cells, roles, parameters)
    latencies = encoder_latencies(encoders, parameters)
    costs = training_costs(cards) | {"latency": pair_latency(latencies)}

    def reference_of(cell: str) -> str | None:
        compared = roles.comparison_of(cell, cells)
        return compared.reference if compared else None

    return [
        *kept,
        *saved_parameters(cards, reference_of),
        *encoder_numbers(
            encoders, latencies, roles.reference, parameters, targets_of(claims(roles, target, cells))
        ),
        *pareto_numbers(Place("peft", "-", target, "test", "clean", "mean"), recalls, costs),
    ]


def retained(
    results: Sequence[Result],
    target: str,
    cells: Mapping[str, CellFacts],
    roles: Params,
    parameters: StatisticsParameters,
) -> tuple[list[Number], dict[str, Estimate]]:
    """Return what every cell keeps of its reference, and the reference of itself, on each clean set.

    Also returned, by cell, is recall@1 on the test set of `target`, mean of both directions and of seeds, of the
    cells adapted to it.
    """
    numbers: list[Number] = []
    recalls: dict[str, Estimate] = {}
    targets = targets_of(claims(roles, target, cells))
    for group in by_split(results):
        dataset, split = group[0].record.dataset, group[0].record.split
        panel = Panel(group, parameters)
        standards: dict[str, Measured] = {}
        for cell in cells_of(group):
            home = cells[cell].dataset if cell in cells else target
            measured = panel.measure(cell)
            compared = roles.comparison_of(cell, cells) or Roles()
            reference, baseline = compared.reference, compared.baseline
            for role in {reference, baseline} - {None, *standards}:
                standards[str(role)] = panel.measure(str(role))
            zero = standards[baseline] if baseline and cell != baseline else None
            place = Place("-", cell, dataset, split, "-", "-")
            if reference and cell != reference and standards[reference]:
                numbers += retention(place, measured, standards[reference], zero, parameters.level, targets)
            if cell == reference:
                numbers += reference_numbers(place, measured, zero, parameters.level)
            if dataset == home == target and split == "test":
                both = mean_recall(measured, target, "recall@1")
                recalls |= {cell: both[ALL_SEEDS]} if both else {}
    return numbers, recalls


if __name__ == "__main__":
    run(main)
