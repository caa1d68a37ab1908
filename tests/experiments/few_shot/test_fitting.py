"""Every method fitted to a task: the reference twice, and the second time with other random numbers."""

from crossmodal.experiments.few_shot.fitting import fit_all
from few_shot_tasks import make_task

METHODS = {"tip": {"kind": "tip_adapter_f", "epochs": 3}, "xm": {"kind": "xmadapter", "epochs": 3}}


def test_another_run_is_another() -> None:
    task = make_task()
    found = {name: fitted for name, _, fitted in fit_all(task, METHODS, "tip", draw=0)}
    assert list(found) == ["tip", "xm", "tip-again"]
    assert found["tip"].losses != found["tip-again"].losses
    same = {name: fitted for name, _, fitted in fit_all(task, METHODS, "tip", draw=0)}
    assert all(found[name].losses == same[name].losses for name in found)
