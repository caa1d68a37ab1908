"""How long a run still takes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_logger_plugin_crossmodal.estimate import (
    START_SECONDS,
    Estimator,
    PastJob,
    Running,
    read_past,
    seconds_left,
)

SECONDS = st.floats(0, 1e6)
RULES = st.sampled_from(["adapt", "embed", "draw"])
PAST = st.dictionaries(
    st.builds("results/{}/{}/manifest.json".format, st.sampled_from("xy"), st.integers(0, 20)),
    st.tuples(RULES, SECONDS, st.integers(1, 4)),
).map(lambda jobs: {path: PastJob(path.split("/")[1], *rest) for path, rest in jobs.items()})


def past(**seconds: float) -> dict[str, PastJob]:
    return {f"results/x/{name}/manifest.json": PastJob("x", "adapt", s, 1) for name, s in seconds.items()}


def test_a_job_takes_what_it_took_before() -> None:
    estimator = Estimator(past(full=100, lora=50))
    assert estimator.begin("adapt", "results/x/lora/manifest.json") == 50 + START_SECONDS
    assert estimator.waiting({"adapt": 1}, 1) == pytest.approx(100 + START_SECONDS), "the other one is left"


def test_an_unknown_job_takes_the_mean_of_its_rule_here_then_elsewhere_then_of_all_of_this_run() -> None:
    jobs = past(full=100, lora=50) | {"results/y/a/manifest.json": PastJob("y", "embed", 8, 1)}
    estimator = Estimator(jobs)
    assert estimator.begin("adapt", "results/x/new/manifest.json") == 75 + START_SECONDS
    assert estimator.begin("embed", "results/x/a/manifest.json") == 8 + START_SECONDS
    assert estimator.begin("draw", None) is None
    assert estimator.waiting({"draw": 1}, 1) is None
    estimator.end("embed", "results/x/a/manifest.json", 2.0)
    assert estimator.begin("embed", "results/x/b/manifest.json") == 2, "another study says less than this run"
    estimator.end("embed", "results/x/b/manifest.json", 4.0)
    assert estimator.begin("draw", None) == 3


def test_a_slower_machine_is_noticed() -> None:
    estimator = Estimator(past(full=600, lora=600, bitfit=600))
    path = "results/x/full/manifest.json"
    before = estimator.begin("adapt", path)
    estimator.end("adapt", path, 1200.0)
    after = estimator.begin("adapt", "results/x/lora/manifest.json")
    assert before is not None and after is not None and 1.7 * before < after < 2 * before


def test_the_first_jobs_of_an_unknown_study_say_how_large_it_is() -> None:
    jobs = past(full=600, lora=400) | {"results/x/e/manifest.json": PastJob("x", "embed", 200, 1)}
    estimator = Estimator(jobs)
    assert estimator.begin("adapt", "results/small/full/manifest.json") == 500 + START_SECONDS
    estimator.end("adapt", "results/small/full/manifest.json", 50 + START_SECONDS)
    assert estimator.waiting({"embed": 2}, 1) == pytest.approx(2 * (20 + START_SECONDS)), "a tenth as large"
    known = Estimator(jobs)
    known.begin("adapt", "results/x/full/manifest.json")
    known.end("adapt", "results/x/full/manifest.json", 60.0)
    assert known.size == known.pace, "a study of the ledger has its own seconds"


def test_what_is_left_is_shared_out_among_the_cores_and_takes_as_long_as_the_longest_job() -> None:
    running = [Running("a", begun=0, expected=100), Running("b", begun=0, expected=40)]
    assert seconds_left(running, 0, cores=2, now=20) == 80
    assert seconds_left(running, 200, cores=2, now=20) == 150
    assert seconds_left(running, 0, cores=2, now=1000) == 0, "overdue"
    assert seconds_left([Running("c", 0, None)], 0, 2, 0) is None
    assert seconds_left([], None, 2, 0) is None
    assert seconds_left([Running("d", 0, 10, threads=8)], 10, cores=2, now=0) == 15


@given(
    PAST, st.lists(st.tuples(RULES, st.integers(0, 20), SECONDS), max_size=20), st.integers(1, 8), st.data()
)
def test_an_estimate_is_never_negative_and_falls_to_nothing(known, jobs, cores, data) -> None:
    estimator = Estimator(known)
    counts = {rule: sum(job[0] == rule for job in jobs) for rule, _, _ in jobs}
    now = 0.0
    for rule, number, seconds in jobs:
        manifest = data.draw(st.none() | st.just(f"results/x/{number}/manifest.json"))
        running = [Running(rule, now, estimator.begin(rule, manifest), data.draw(st.integers(1, 4)))]
        counts[rule] -= 1
        for moment in (now, now + seconds / 2, now + seconds):
            left = seconds_left(running, estimator.waiting(counts, cores), cores, moment)
            assert left is None or left >= 0
        now += seconds
        estimator.end(rule, manifest, seconds)
    assert seconds_left([], estimator.waiting(counts, cores), cores, now) == 0


def test_a_ledger_is_read_as_far_as_it_can_be(tmp_path: Path, ledger_line) -> None:
    path = tmp_path / "ledger.jsonl"
    assert read_past(path) == {}
    path.write_text(ledger_line("results/x/full/manifest.json", "adapt", 62.5, threads=2))
    assert read_past(path) == {"results/x/full/manifest.json": PastJob("x", "adapt", 62.5, 2)}
    path.write_text('{"manifest": "results/x/full/manifest.json"}\n')
    assert read_past(path) == {}
    path.write_text("no manifest\n")
    assert read_past(path) == {}
