"""A stage of dvc.yaml ends with 0 only where DVC may record what lies there."""

from pathlib import Path

import pytest

from crossmodal.commands.stage import check, refuse_copies
from crossmodal.errors import UserError
from crossmodal.provenance.audit import Finding, Node, Verdict
from crossmodal.provenance.dag import Job

JOB = Job("adapt_model", (("cell", "full"), ("seed", "0")), (), ("a.json",), "manifest.json", "")


def node(*findings: Finding) -> Node:
    return Node(JOB, None, findings, ())


def test_what_is_verified_or_accepted_may_be_recorded() -> None:
    check([node(), node(Finding(Verdict.ACCEPTED, "code: crossmodal.training.loop; accepted by A on B: C"))])


@pytest.mark.parametrize("verdict", ["stale", "unrecorded", "missing", "tampered"])
def test_anything_else_is_one_line(verdict: str) -> None:
    bad = [Finding(Verdict(verdict), "a.json: what was found"), Finding(Verdict.STALE, "params: rank 8 → 4")]
    with pytest.raises(UserError) as caught:
        check([node(), node(*bad)])
    message = str(caught.value)
    assert message.startswith(
        f"adapt_model cell=full seed=0: {verdict}, a.json: what was found (and 1 more);"
    )
    assert "\n" not in message


def test_a_copy_of_the_project_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    refuse_copies()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    refuse_copies()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path.parent))
    with pytest.raises(UserError, match="--temp and --queue"):
        refuse_copies()
