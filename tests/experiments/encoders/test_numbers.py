"""Numbers of image encoders: kept recall is paired, times have intervals, losses are of the best epoch."""

from pathlib import Path

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.encoders.claims import claims
from crossmodal.experiments.encoders.costs import cost_numbers
from crossmodal.experiments.encoders.numbers import loss_numbers, quality_numbers
from crossmodal.experiments.encoders.params import Params
from crossmodal.experiments.encoders.records import TowerCost
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import targets_of
from judged import judged
from query_results import queries_of, write_result

STATISTICS = StatisticsParameters(resamples=300, bootstrap_seed=2)
ROOM = Params(cells=["small", "large"], cell="small", reference="large")


def test_what_is_kept_is_the_ratio_of_recalls(tmp_path: Path) -> None:
    results = [
        write_result(tmp_path, "encoders", cell, 0, "emoji", "clean", rate)
        for cell, rate in (("small", 0.5), ("large", 0.7))
    ]
    found = quality_numbers(results, ROOM, "emoji", STATISTICS, targets_of(claims(ROOM, "emoji", {})))
    numbers = {number.number_id: number for number in found}
    small, large = (queries_of(result, "text_to_image")["recall@10"].mean() for result in results)
    kept = numbers["encoders/small/s*/emoji/test/clean/text_to_image/kept_recall@10"]
    assert kept.value == pytest.approx(small / large) and kept.ci_low < kept.value < kept.ci_high
    assert numbers["encoders/small/s*/emoji/test/clean/text_to_image/recall@10"].value == pytest.approx(small)
    assert "encoders/large/s*/emoji/test/clean/mean/kept_recall@10" not in numbers
    verdicts = judged(claims(ROOM, "emoji", {}), found)
    assert list(verdicts) == ["encoders.kept"] and verdicts["encoders.kept"].verdict == "inconclusive"


def test_a_reference_that_finds_no_more_than_a_probe_judges_nothing(tmp_path: Path) -> None:
    room = ROOM.model_copy(update={"probe": "colours"})
    results = [
        write_result(tmp_path, "encoders", cell, 0, "emoji", "clean", rate, directions=2)
        for cell, rate in (("small", 0.5), ("large", 0.7), ("colours", 0.7))
    ]
    found = quality_numbers(results, room, "emoji", STATISTICS, targets_of(claims(room, "emoji", {})))
    verdict = judged(claims(room, "emoji", {}), found)["encoders.kept"]
    assert "what large finds beyond colours, which sees no network is not clearly above zero" in verdict.note
    names = {number.number_id.rpartition("clean/")[2] for number in found if number.cell == "colours"}
    assert "mean/recall@10" in names and not any("gain_over" in name for name in names)


def costs(**changes: object) -> list[TowerCost]:
    return [
        TowerCost(
            cell=cell, process=process, count=count, samples_ms=[pace * count * (1 + process / 10)] * 6,
            source=f"{process}.json",
            **({"parameters_tower": 5, "parameters": 9, "weight_bytes": 20, "activation_bytes": 3, "flops": 7}
               if process == 0 and count == 1 else {}),
        )
        for process in range(3) for cell, pace in (("small", 2.0), ("large", 4.0)) for count in (1, 5, 8)
    ]  # fmt: skip


def test_costs_are_medians_and_counts() -> None:
    found = {(number.cell, number.metric): number for number in cost_numbers(costs(), STATISTICS)}
    assert (
        found["small", "latency_1"].value == pytest.approx(2.2) and found["small", "latency_1"].n_queries == 3
    )
    assert found["large", "latency_5"].value == pytest.approx(22)
    assert found["small", "throughput_image"].value == pytest.approx(
        1e3 * 8 / found["small", "latency_batch"].value
    )
    assert found["small", "memory_peak"].value == 23 and found["large", "flops"].value == 7
    assert found["small", "latency_1"].ci_low < found["small", "latency_1"].ci_high


def test_a_process_that_timed_others_is_one_line() -> None:
    missing = [cost for cost in costs() if (cost.cell, cost.process) != ("small", 1)]
    with pytest.raises(UserError, match=r"0\.json: small was not timed in every process and round"):
        cost_numbers(missing, STATISTICS)


def test_losses_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    log = tmp_path / "training.csv"
    log.write_text(
        "epoch,loss,validation_loss,validation_mrr\n0,,5.0,0.9\n1,4.0,4.5,0.2\n2,3.0,4.6,0.3\n3,2.0,4.9,0.1\n"
    )
    assert [number.value for number in loss_numbers("small", log)] == [3.0, 4.6]
    log.write_text("epoch,loss,validation_loss,validation_mrr\n1,4.0,,\n2,3.0,,\n")
    assert [(n.metric, n.value) for n in loss_numbers("small", log)] == [("training_loss", 3.0)]
    log.write_text("epoch,loss\n1,2\n")
    with pytest.raises(UserError, match="not the log of a training"):
        loss_numbers("small", log)


def test_roles_are_among_those_compared() -> None:
    with pytest.raises(ValueError, match="reference: huge is none of the cells that are compared"):
        Params(cells=["small"], cell="small", reference="huge")
    with pytest.raises(ValueError, match="beside: small is among the cells that are compared"):
        Params(cells=["small"], beside=["small"])


def test_times_fall_where_a_machine_is_slow_for_all() -> None:
    pace = np.array([1.0, 1.0, 9.0, 1.0, 1.0, 1.0])
    slow = [cost.model_copy(update={"samples_ms": list(pace * cost.samples_ms[0])}) for cost in costs()]
    found = {(n.cell, n.metric): n.value for n in cost_numbers(slow, STATISTICS)}
    assert found["large", "latency_1"] / found["small", "latency_1"] == pytest.approx(2.0)
