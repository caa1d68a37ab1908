"""Job: the numbers of tuning: validation MRR of every family at every learning rate, and what is chosen."""

from collections.abc import Iterator, Sequence

import numpy as np

from crossmodal.experiments.tuning.choice import choose, lead, mean_over_seeds
from crossmodal.experiments.tuning.params import CHOSEN, METRIC
from crossmodal.experiments.tuning.records import TuningRecord
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.pareto import UNIT
from crossmodal.statistics.records import distinct


def main(records: Ins, numbers: Out, spec: Spec) -> None:
    write_numbers(numbers, tuning_numbers([record for path in records for record in TuningRecord.read(path)]))


def tuning_numbers(records: Sequence[TuningRecord]) -> list[Number]:
    """Return the numbers of every family in `records`."""
    return [
        number
        for family in distinct(records, "family")
        for number in _family([record for record in records if record.family == family])
    ]


def _family(records: Sequence[TuningRecord]) -> Iterator[Number]:
    grid = sorted({(record.learning_rate, record.rate) for record in records})
    runs = {rate: [record for record in records if record.rate == rate] for _, rate in grid}
    scores = {rate: {record.seed: record.mrr for record in own} for rate, own in runs.items()}
    choice = choose(scores)
    family, dataset = records[0].family, records[0].dataset
    for rate, own in runs.items():
        sources = [record.source for record in own]
        place = Place("tuning", family, dataset, "val", rate, "mean")
        for record in own:
            yield place.plain(str(record.seed), METRIC, record.mrr, "fraction", [record.source])
        yield place.plain(ALL_SEEDS, METRIC, mean_over_seeds(scores[rate]), "fraction", sources)
        deviation = _deviation([record.mrr for record in own])
        yield place.plain(ALL_SEEDS, f"{METRIC}_std", deviation, "fraction", sources)
        place = Place("tuning", family, dataset, "val", rate, "-")
        yield place.plain(ALL_SEEDS, "learning_rate", own[0].learning_rate, "1", sources)
        for record in own:
            yield place.plain(str(record.seed), "best_epoch", record.best_epoch, "epoch", [record.source])
        yield place.plain(ALL_SEEDS, "diverged", sum(record.diverged for record in own), "count", sources)
        yield place.plain(ALL_SEEDS, "chosen", float(bool(choice and choice.rate == rate)), UNIT, sources)
    sources = [record.source for record in records]
    place = Place("tuning", family, dataset, "val", CHOSEN, "-")
    rate_value = runs[choice.rate][0].learning_rate if choice else None
    yield place.plain(ALL_SEEDS, "learning_rate", rate_value, "1", sources)
    yield place.plain(ALL_SEEDS, "chosen_at_edge", float(choice.at_edge) if choice else None, UNIT, sources)
    place = Place("tuning", family, dataset, "val", CHOSEN, "mean")
    ahead = lead(scores, choice) if choice else []
    yield place.plain(
        ALL_SEEDS, f"lead_{METRIC}", float(np.mean(ahead)) if ahead else None, "fraction", sources
    )
    yield place.plain(ALL_SEEDS, f"lead_{METRIC}_std", _deviation(ahead), "fraction", sources)


def _deviation(values: Sequence[float | None]) -> float | None:
    """Return the sample standard deviation (n - 1), None unless every seed has a value and there are several."""
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) == len(values) > 1 else None


if __name__ == "__main__":
    run(main)
