"""Tables of times and memory from manifests."""

from crossmodal.report.performance import stages_table, totals_table


def manifest(rule: str, started: str, ended: str, threads: int, gigabytes: float) -> dict:
    day = "2026-01-01T00:{}+00:00"
    return {
        "rule": rule, "started": day.format(started), "ended": day.format(ended),
        "threads": threads, "peak_memory_bytes": int(gigabytes * 1e9),
    }  # fmt: skip


JOBS = [
    manifest("adapt_model", "01:00", "02:00", 1, 1.5),
    manifest("pretrain_base", "00:00", "01:00", 2, 2.0),
    manifest("adapt_model", "01:00", "01:30", 1, 1.0),
]


def test_rules_stand_in_the_order_in_which_they_began() -> None:
    rows = stages_table(JOBS).splitlines()[2:]
    assert rows == [
        "| pretrain_base | 1 | 60.0 | 60.0 | 2 | 2.00 |",
        "| adapt_model | 2 | 90.0 | 60.0 | 1 | 1.50 |",
    ]


def test_the_useful_share_counts_threads_over_wall_times_cores() -> None:
    table = totals_table(JOBS, cores=2)
    assert "| wall time, first job to report | 2.0 min |" in table
    assert "| 88 % of 2 cores |" in table, "(60 * 2 + 60 + 30) / (120 * 2)"
    assert "| peak memory of any job | 2.00 GB |" in table


def test_what_was_run_in_two_goes_took_the_time_of_both() -> None:
    later = manifest("write_report", "31:00", "31:30", 1, 0.5)
    soon = manifest("embed_target", "02:10", "02:40", 1, 0.5)
    assert "| wall time, first job to report | 2.5 min |" in totals_table([*JOBS, later], cores=2)
    assert "| wall time, first job to report | 2.7 min |" in totals_table([*JOBS, soon], cores=2), "no pause"
