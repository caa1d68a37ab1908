"""`crossmodal accept` says first what is wrong with the study, and asks for a name only to sign with it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from crossmodal.commands import accept as module
from crossmodal.errors import UserError
from crossmodal.provenance.audit import Finding, Node, Verdict
from crossmodal.provenance.dag import Job

JOB = Job("adapt_model", (("cell", "full"), ("seed", "0")), (), ("a.json",), "manifest.json", "")


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return a function that makes a study of one stale job, on a machine where nobody told git a name."""

    def study(detail: str) -> None:
        node = Node(JOB, {"spec": {"code": {"m": "1"}}}, (Finding(Verdict.STALE, detail),), ())
        context = SimpleNamespace(
            audit=lambda: {JOB.name: node}, specs={JOB.name: {"code": {"m": "2"}}}, waivers=[]
        )
        monkeypatch.setattr(module, "load_context", lambda study: context)

    monkeypatch.setattr(module, "rule_stages", lambda: {"adapt_model": "adaptation"})
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    monkeypatch.chdir(tmp_path)
    return study


def test_what_cannot_be_accepted_needs_no_name(stale) -> None:
    stale("params: method.rank 8 → 4")
    with pytest.raises(UserError, match="only code edits can be accepted"):
        module.accept("adaptation", "it does not matter")


def test_a_waiver_is_signed_or_not_written(stale, tmp_path: Path) -> None:
    stale("code: m 1 → 2")
    with pytest.raises(UserError, match="git does not know who you are"):
        module.accept("adaptation", "it does not matter")
    assert list(tmp_path.iterdir()) == []
