"""`crossmodal publish`: audit a study, then record it everywhere a reader or DVC looks."""

from pathlib import Path
from typing import Annotated

import typer

from crossmodal.commands.audit_text import console, print_account
from crossmodal.commands.context import StudyOption, load_context
from crossmodal.errors import UserError
from crossmodal.provenance import git, remote
from crossmodal.provenance.account import account
from crossmodal.provenance.dvc import dvc_yaml
from crossmodal.provenance.ledger import LEDGER, find_manifests, study_folders, update_ledger


def publish(
    study: StudyOption = None,
    push: Annotated[bool, typer.Option(help="Also send the files to DVC's default remote.")] = False,
) -> None:
    """Publish a finished study, the default one: refuse unless all is verified and the work tree is clean.

    Then write its numbers to published/, its lines of ledger.jsonl and its tables of README.md and
    docs/results.md and, for the default study, dvc.yaml and dvc.lock: all of it is to be committed together.
    """
    from crossmodal.commands.pages import fill_pages
    from crossmodal.statistics.numbers import read_numbers
    from crossmodal.statistics.published import FOLDER, SUMS, published_path, write_published

    if changed := git.changes(Path()):
        raise UserError(
            f"the work tree has changes ({changed[0]}): commit or stash them, so that a commit names this state"
        )
    context = load_context(study)
    nodes = context.audit(cache=False)
    audited = account(context.study.study, nodes, [], list(nodes))
    print_account(audited, console())
    if audited["verdict"] != "verified":
        raise UserError(
            "not published: every job must be verified; `crossmodal why` says what a run would do"
        )
    name, is_default = context.study.study, not context.overlays
    published = {job.manifest for job in context.jobs}
    manifests = {p: m for p, m in find_manifests(study_folders(name)).items() if p in published}
    if is_default:
        Path("dvc.yaml").write_text(dvc_yaml())
        remote.commit()
    update_ledger(LEDGER, study_folders(name), manifests)
    write_published(published_path(name), read_numbers(Path("results") / name / "metrics.parquet"))
    pages = fill_pages(name, "" if is_default else name)
    for page in pages:
        print(f"written: {page}")
    if push and is_default:
        remote.push()
    # git lists no new files among the changes
    written = [
        str(LEDGER),
        str(published_path(name)),
        str(FOLDER / SUMS),
        *map(str, pages),
        *git.changes(Path()),
    ]
    print("published; commit " + " ".join(dict.fromkeys(written)))
