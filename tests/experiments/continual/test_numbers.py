"""Accuracy, forgetting and transfer beside slow loops over the answers; limit cases; claims that can be judged."""

from collections.abc import Callable
from statistics import mean

import pyarrow as pa
import pytest

from crossmodal.experiments.continual.board import Board, Run
from crossmodal.experiments.continual.claims import claims
from crossmodal.experiments.continual.costs import cost_numbers
from crossmodal.experiments.continual.matrix import MEASURES
from crossmodal.experiments.continual.numbers import session_numbers
from crossmodal.experiments.continual.params import Params
from crossmodal.experiments.continual.records import SessionCard
from crossmodal.experiments.continual.retained import elsewhere_numbers
from crossmodal.statistics.targets import targets_of
from judged import judged

LORA = {"update": {"kind": "lora", "matches": {"kind": "lorsu"}}}
UPDATES = {
    "lorsu": {"update": {"kind": "lorsu"}},
    "lora": LORA,
    "random": {"update": {"kind": "random"}},
    "lora-again": {**LORA, "repeat": 1},
}
CLEAN = ("digits", "test", "clean")


def room(sessions: int = 3, **more: object) -> Params:
    return Params.model_validate({"dataset": "digits", "sessions": sessions, "cells": UPDATES, **more})


def alike(rows: list[dict], metric: str) -> float:
    """The mean over classes of the mean over their clusters of the share that is right, in loops."""
    classes = []
    for label in {row["label"] for row in rows}:
        own = [row for row in rows if row["label"] == label]
        shares = [
            mean(row[metric] for row in own if row["cluster"] == cluster)
            for cluster in {row["cluster"] for row in own}
        ]
        classes.append(mean(shares))
    return mean(classes)


def share(run: Run, after: int, asked: int) -> float:
    """The accuracy after a session on another's classes, by counting."""
    rows = run.table.to_pylist()
    wanted = (*CLEAN, after, asked)
    names = ("dataset", "split", "variant", "after", "session")
    return alike([row for row in rows if tuple(row[name] for name in names) == wanted], "correct")


@pytest.mark.parametrize("sessions", [1, 2, 3, 5])
def test_measures_are_those_of_slow_loops(sessions: int, write_run: Callable[..., Run], statistics) -> None:
    run = write_run(sessions=sessions)
    a = {(i, j): share(run, i, j) for i in range(sessions + 1) for j in range(1, sessions + 1)}
    matrix = Board([run], statistics).accuracies(run, CLEAN)
    assert {key: estimate.value for key, estimate in matrix.items()} == pytest.approx(a)
    lost = back = ahead = end = start = 0.0
    for j in range(1, sessions + 1):
        end += a[sessions, j] / sessions
        start += a[0, j] / sessions
        if j < sessions:
            best = a[j, j]
            for i in range(j, sessions):
                best = max(best, a[i, j])
            lost += (best - a[sessions, j]) / (sessions - 1)
            back += (a[sessions, j] - a[j, j]) / (sessions - 1)
        if j > 1:
            ahead += (a[j - 1, j] - a[0, j]) / (sessions - 1)
    found = {name: measure(matrix, sessions) for name, measure in MEASURES.items()}
    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(
        {
            "average_accuracy": end, "average_accuracy_before": start, "forgetting": lost,
            "backward_transfer": back, "forward_transfer": ahead,
        }, abs=1e-12,
    )  # fmt: skip


def test_of_one_session_nothing_is_forgotten(write_run: Callable[..., Run], statistics) -> None:
    numbers = {n.metric: n for n in session_numbers([write_run(sessions=1)], room(1), statistics)}
    for name in ("forgetting", "backward_transfer", "forward_transfer"):
        assert (numbers[name].value, numbers[name].ci_low, numbers[name].ci_high) == (0.0, 0.0, 0.0)


def test_intervals_are_of_clusters_and_cells_are_paired(write_run: Callable[..., Run], statistics) -> None:
    one, other = write_run("lorsu"), write_run("lora")
    board = Board([one, other], statistics)
    first, second = board.accuracies(one, CLEAN)[3, 1], board.accuracies(other, CLEAN)[3, 1]
    assert first.clusters == 20 and first.queries == 20 and first.samples.std() > 0
    again = Board([one], statistics).accuracies(one, CLEAN)[3, 1]
    assert (again.samples == first.samples).all() and not (second.samples == first.samples).all()


def test_accuracy_on_what_was_learnt_counts_each_class_once(
    write_run: Callable[..., Run], statistics
) -> None:
    run = write_run()
    found = {n.number_id: n.value for n in session_numbers([run], room(), statistics)}
    for session in (1, 2, 3):
        rows = [row for row in run.table.to_pylist() if row["after"] == session]
        seen = [row for row in rows if row["session"] <= session]
        assert None not in [row["correct_seen"] for row in seen]
        name = f"continual/lorsu/s*/digits/test/after-{session}/-/accuracy_seen"
        assert found[name] == pytest.approx(alike(seen, "correct_seen"))
    images = found["continual/lorsu/s*/digits/test/clean/-/image_accuracy"]
    assert images == pytest.approx(mean(row["correct_seen"] for row in rows))
    assert "continual/lorsu/s*/digits/test/after-0/-/accuracy_seen" not in found
    assert found["continual/lorsu/s*/digits/test/after-0@session-2/-/accuracy"] == pytest.approx(
        share(run, 0, 2)
    )
    assert found["continual/chance/s*/digits/test/clean/-/average_accuracy"] == pytest.approx(1 / 6)


def test_every_claim_is_about_numbers_that_are_made(write_run: Callable[..., Run], statistics) -> None:
    whole = room(
        cell="lorsu", baseline="lora", random="random", again="lora-again", shifts=["noise"], joint=True
    )
    sets = (CLEAN, ("digits", "test", "noise"), ("digits", "val", "clean"))
    rates = {"lorsu": 0.75, "lora": 0.5, "random": 0.45, "lora-again": 0.5}
    runs = [
        write_run(cell, order, plan=plan, rate=rate, images=240, sets=sets)
        for cell, rate in rates.items()
        for order in (0, 1, 2)
        for plan in ("continual", "joint")
    ]
    made = list(claims(whole, "emoji", {}))
    assert [claim.id for claim in made] == ["LoRSU.lora", "LoRSU.random"]
    found = session_numbers(runs, whole, statistics, targets_of(made))
    names = {number.number_id for number in found}
    for claim in made:
        asked = {claim.number, claim.aa, claim.smallest, claim.needs[0], *(name for _, name in claim.context)}
        assert asked <= names, asked - names
        place, _, metric = claim.number.rpartition("/")
        assert f"{place}/p_claim_{metric}" in names and f"{place}/p_value_{metric}" in names
    told = {number.number_id: number for number in found}
    aa = told["continual/lora/s*/digits/test/clean/-/aa_difference_average_accuracy"]
    at = "continual/{}/s*/digits/test/clean/-/average_accuracy"
    own, again = (told[at.format(cell)].value for cell in ("lora", "lora-again"))
    assert aa.value == pytest.approx(again - own) and aa.ci_low < 0 < aa.ci_high
    verdicts = judged(made, found)
    assert {verdict.verdict for verdict in verdicts.values()} == {"supported"}
    assert "continual/lorsu/s*/digits/val/clean/-/average_accuracy" in names, "rates are chosen by it"
    assert "continual/lorsu/s*/digits/test/joint/-/average_accuracy" in names
    assert "continual/lorsu/s*/digits/test/joint@after-2/-/accuracy_seen" in names
    assert "continual/lorsu/s*/digits/test/noise+after-3/-/accuracy_seen" in names


def test_who_learnt_nothing_is_not_above_those_who_forgot(write_run: Callable[..., Run], statistics) -> None:
    """An update that leaves the base model as it is ends above one that spoils it: that is no learning."""
    whole = room(cell="lorsu", baseline="lora")
    runs = [write_run(cell, order, rate=0.6, images=240) for cell in ("lorsu", "lora") for order in (0, 1, 2)]
    still = []
    for run in runs:
        rows = run.table.to_pylist()
        before = {row["image_id"]: row["correct"] for row in rows if row["after"] == 0}
        for row in rows:
            row["correct"] = before[row["image_id"]] and (run.cell == "lorsu" or row["after"] == 0)
        still.append(run._replace(table=pa.Table.from_pylist(rows, schema=run.table.schema)))
    made = list(claims(whole, "emoji", {}))
    found = session_numbers(still, whole, statistics, targets_of(made))
    told = {number.number_id: number for number in found}
    assert told[made[0].number].ci_low > 0.3, "it ends far above"
    nothing = told["continual/lorsu/s*/digits/test/clean/-/gain_over_before_average_accuracy"]
    assert (nothing.value, nothing.ci_low, nothing.ci_high) == (0, 0, 0)
    verdict = judged(made, found)["LoRSU.lora"]
    assert verdict.verdict == "inconclusive" and "what all sessions add to the base model" in verdict.note


def test_gains_are_over_the_orders_that_both_have(write_run: Callable[..., Run], statistics) -> None:
    cells = {**UPDATES, "other": {"update": {"kind": "full"}, "orders": [0, 1]}}
    whole = room(cells={**cells, "lorsu": {**UPDATES["lorsu"], "over": ["other"]}})
    runs = [write_run("lorsu", order, rate=0.8) for order in (0, 1, 2)]
    runs += [write_run("other", order, rate=0.3) for order in (0, 1)]
    told = {number.number_id: number for number in session_numbers(runs, whole, statistics)}
    at = "continual/{}/s{}/digits/test/clean/-/{}"
    each = [
        told[at.format("lorsu", s, "average_accuracy")].value
        - told[at.format("other", s, "average_accuracy")].value
        for s in (0, 1)
    ]
    gain = told[at.format("lorsu", "*", "gain_over_other_average_accuracy")]
    assert gain.value == pytest.approx(mean(each)) and gain.n_seeds == 2
    assert at.format("lorsu", 2, "gain_over_other_average_accuracy") not in told


def test_one_order_decides_nothing(write_run: Callable[..., Run], statistics) -> None:
    whole = room(cell="lorsu", baseline="lora")
    runs = [write_run("lorsu", rate=0.8), write_run("lora", rate=0.3)]
    made = list(claims(whole, "emoji", {}))
    found = session_numbers(runs, whole, statistics, targets_of(made))
    verdict = judged(made, found)["LoRSU.lora"]
    assert verdict.verdict == "inconclusive" and "rests on one seed" in verdict.note
    assert not [n for n in found if n.metric.startswith("aa_")]


def test_what_is_kept_elsewhere_is_the_share_of_what_was_above_chance(
    write_run: Callable[..., Run], statistics
) -> None:
    run = write_run(sets=(CLEAN, ("icons", "test", "clean")))
    whole = room(retention={"datasets": ["icons"]})
    found = {n.metric: n.value for n in elsewhere_numbers([run], whole, statistics)}
    rows = [row for row in run.table.to_pylist() if row["dataset"] == "icons"]
    before, after = (alike([row for row in rows if row["after"] == n], "correct") for n in (0, 3))
    assert found["accuracy"] == pytest.approx(after) and found["accuracy_before"] == pytest.approx(before)
    chance = 1 / len({row["label"] for row in rows})
    assert found["retention_above_chance"] == pytest.approx((after - chance) / (before - chance))


def test_costs_are_means_over_sessions_of_those_who_learn_one_after_another() -> None:
    cards = [
        SessionCard(
            cell="lorsu", plan=plan, order=0, session=session, classes=2, images=10, trained=100,
            changed=40 * session, flops=5.0, choosing=1.0, seconds=float(session), source="x.json",
        )
        for plan in ("continual", "joint") for session in (1, 2)
        if plan == "continual" or session == 2
    ]  # fmt: skip
    found = {n.metric: n.value for n in cost_numbers(cards)}
    assert found == {
        "parameters_trained": 100, "parameters_changed": 60, "flops_step": 5, "training_seconds": 1.5,
        "training_seconds_choosing": 1,
    }  # fmt: skip
