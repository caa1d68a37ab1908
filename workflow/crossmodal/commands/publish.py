"""`crossmodal publish`: audit the default study, then record it everywhere a reader or DVC looks."""

from pathlib import Path
from typing import Annotated

import typer

from crossmodal.commands.audit_text import console, print_account
from crossmodal.commands.context import load_context
from crossmodal.errors import UserError
from crossmodal.provenance import git, remote
from crossmodal.provenance.account import account
from crossmodal.provenance.dvc import dvc_yaml
from crossmodal.provenance.ledger import LEDGER, find_manifests, study_folders, write_ledger


def publish(
    push: Annotated[bool, typer.Option(help="Also send the files to DVC's default remote.")] = False,
) -> None:
    """Publish the finished default study: refuse unless all is verified and the work tree is clean.

    Then write dvc.yaml, dvc.lock, ledger.jsonl and the tables of README.md and docs/results.md, which are to
    be committed together.
    """
    from crossmodal.report.readme import fill_pages

    if changed := git.changes(Path()):
        raise UserError(
            f"the work tree has changes ({changed[0]}): commit or stash them, so that a commit names this state"
        )
    context = load_context(None)
    nodes = context.audit(cache=False)
    audited = account(context.study.study, nodes, [], list(nodes))
    print_account(audited, console())
    if audited["verdict"] != "verified":
        raise UserError(
            "not published: every job must be verified; `crossmodal why` says what a run would do"
        )
    study = context.study.study
    published = {job.manifest for job in context.jobs}
    manifests = {p: m for p, m in find_manifests(study_folders(study)).items() if p in published}
    Path("dvc.yaml").write_text(dvc_yaml())
    remote.commit()
    write_ledger(LEDGER, manifests)
    for page in fill_pages(Path("results") / study):
        print(f"written: {page}")
    if push:
        remote.push()
    print("published; commit " + " ".join(dict.fromkeys([str(LEDGER), *git.changes(Path())])))
