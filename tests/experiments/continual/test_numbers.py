"""Accuracy, forgetting and transfer beside slow loops over the answers; limit cases; claims that can be judged."""

from collections.abc import Callable

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


def share(run: Run, after: int, asked: int) -> float:
    """The accuracy after a session on another's classes, by counting."""
    right = total = 0
    for row in run.table.to_pylist():
        where = (row["dataset"], row["split"], row["variant"], row["after"], row["session"])
        if where == (*CLEAN, after, asked):
            right, total = right + row["correct"], total + 1
    return right / total


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


def test_accuracy_on_what_was_learnt_counts_each_image_once(
    write_run: Callable[..., Run], statistics
) -> None:
    run = write_run()
    found = {n.number_id: n.value for n in session_numbers([run], room(), statistics)}
    for session in (1, 2, 3):
        rows = [row for row in run.table.to_pylist() if row["after"] == session]
        seen = [row["correct_seen"] for row in rows if row["session"] <= session]
        assert None not in seen
        name = f"continual/lorsu/s*/digits/test/after-{session}/-/accuracy_seen"
        assert found[name] == pytest.approx(sum(seen) / len(seen))
    assert "continual/lorsu/s*/digits/test/after-0/-/accuracy_seen" not in found
    assert found["continual/lorsu/s*/digits/test/after-0@session-2/-/accuracy"] == share(run, 0, 2)
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
        asked = {claim.number, claim.aa, claim.smallest, *(name for _, name in claim.context)}
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


def test_one_order_decides_nothing(write_run: Callable[..., Run], statistics) -> None:
    whole = room(cell="lorsu", baseline="lora")
    runs = [write_run("lorsu", rate=0.8), write_run("lora", rate=0.3)]
    made = list(claims(whole, "emoji", {}))
    found = session_numbers(runs, whole, statistics, targets_of(made))
    verdict = judged(made, found)["LoRSU.lora"]
    assert verdict.verdict == "inconclusive" and "rests on one seed" in verdict.note
    assert not [n for n in found if n.metric.startswith("aa_")]


def test_what_is_kept_elsewhere_is_a_ratio(write_run: Callable[..., Run], statistics) -> None:
    run = write_run(sets=(CLEAN, ("icons", "test", "clean")))
    whole = room(retention={"datasets": ["icons"]})
    found = {n.metric: n.value for n in elsewhere_numbers([run], whole, statistics)}
    rows = [row for row in run.table.to_pylist() if row["dataset"] == "icons"]
    before, after = (
        sum(row["correct"] for row in rows if row["after"] == session) / 60 for session in (0, 3)
    )
    assert found["accuracy"] == after and found["accuracy_before"] == before
    assert found["retention_accuracy"] == pytest.approx(after / before)


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
