"""Made-up records of the search for learning rates, for tests of its numbers and of what is shown."""

from collections.abc import Mapping, Sequence

from crossmodal.experiments.tuning.records import EpochRecord, TuningRecord


def tuning_records(scores: Mapping[str, Sequence[float | None]], family: str = "lora") -> list[TuningRecord]:
    """Return a record a rate and seed; `scores` are validation MRRs by rate, None where training diverged."""
    return [
        TuningRecord(
            family=family, rate=rate, learning_rate=float(rate), seed=seed, dataset="openmoji", mrr=mrr,
            diverged=mrr is None, best_epoch=None if mrr is None else 3 + seed,
            epochs=[] if mrr is None else [EpochRecord(epoch=0, mrr=0.1), EpochRecord(epoch=3 + seed, mrr=mrr)],
            source=f"{family}/{rate}/s{seed}.json",
        )
        for rate, values in scores.items()
        for seed, mrr in enumerate(values)
    ]  # fmt: skip
