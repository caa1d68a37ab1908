"""An audit as text: what is told of one job."""

from rich.console import Console

from crossmodal.commands.audit_text import number_tree

JOB = {
    "verdict": "verified", "findings": [], "parents": [], "parameters": {"rank": 8}, "seed": 0, "threads": 1,
    "code": {"digest": "abc", "modules": {"m": "1"}}, "environment": {"python": "3.12.1"}, "device": "cpu",
    "started": "2026-01-01T00:00:00.000+00:00", "seconds": 2.0, "commit": "c" * 40, "dirty": False,
    "inputs": [], "outputs": [{"path": "weights", "md5": "d1"}],
}  # fmt: skip
NUMBER = {
    "number_id": "n", "value": 0.5, "unit": "share", "verdict": "verified", "table": "join", "computed": "join",
    "sources": [],
}  # fmt: skip


def shown(**more: object) -> str:
    console = Console(width=1000, highlight=False)
    with console.capture() as capture:
        console.print(number_tree(NUMBER, {"join": JOB | more}))
    return capture.get()


def test_a_job_that_went_on_from_something_kept_is_told() -> None:
    assert "interruption" not in shown()
    assert "went on after an interruption from a.pt, [b].npy" in shown(resumed_from=["a.pt", "[b].npy"])
