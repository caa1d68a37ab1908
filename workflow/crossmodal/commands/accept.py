"""`crossmodal accept`: declare a code edit harmless, on record."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from crossmodal.commands.context import StudyOption, load_context
from crossmodal.errors import UserError
from crossmodal.provenance.audit import Node, Verdict
from crossmodal.provenance.differences import Difference, compare_specs
from crossmodal.provenance.dvc import rule_stages
from crossmodal.provenance.git import author
from crossmodal.provenance.manifest import now
from crossmodal.provenance.settle import holding, settle
from crossmodal.provenance.waivers import WAIVERS, Waiver, add_waivers, covering


def accept(
    stage: Annotated[str, typer.Argument(help="A stage (data, adaptation ...) or a rule (adapt_model ...).")],
    why: Annotated[
        str, typer.Option("--why", help="Why the edit cannot change a result; it goes on record.")
    ],
    study: StudyOption = None,
) -> None:
    """Declare that code edits do not change the results of a stage, so that they are kept and not made anew.

    Only code can be accepted, only where all above is sound, and only exactly as it stands now. The waiver is
    written to waivers.yaml with who, when and why; audits show the results as accepted, never as verified.
    """
    if not why.strip():
        raise UserError("--why is empty: say why the edit cannot change a result")
    stages = rule_stages()
    rules = [rule for rule, of in stages.items() if stage in (rule, of)]
    if not rules:
        raise UserError(
            f"{stage!r} is no stage or rule; there are {', '.join(dict.fromkeys(stages.values()))}"
        )
    context = load_context(study)
    nodes = context.audit()
    chosen = [n for n in nodes.values() if n.job.rule in rules and n.verdict is not Verdict.VERIFIED]
    if not chosen:
        raise UserError(f"{stage}: nothing to accept; its results are verified")
    edits = [(node, _code_differences(node, context.specs[node.job.name])) for node in chosen]
    by, at = author(), now()
    new: list[Waiver] = []
    for node, differences in edits:
        if not covering(node.job.rule, differences, [*context.waivers, *new]):
            modules = {d.key: (d.recorded, d.current) for d in differences}
            new.append(Waiver(node.job.rule, modules, by, at, why.strip()))
    context = replace(context, waivers=[*context.waivers, *new])
    sound = set(holding(context.audit()))
    if unsound := [node for node in chosen if node.job.name not in sound]:
        raise UserError(f"{unsound[0].job.name}: a job above it does not hold; accept or run that one first")
    add_waivers(new)
    try:
        settle([job for job in context.jobs if job.name in sound], context.overlays)
    except UserError as error:
        raise UserError(f"{WAIVERS} was written, but {error}") from None
    for waiver in new:
        print(f"{waiver.rule}: {', '.join(waiver.modules)} {waiver}")
    print(f"{len(chosen)} jobs accepted; commit {WAIVERS}")


def _code_differences(node: Node, current: dict[str, Any]) -> list[Difference]:
    """Return the code edits that make a job stale; UserError if anything else is wrong with it."""
    for finding in node.findings:
        if finding.verdict not in (Verdict.STALE, Verdict.ACCEPTED) or not finding.detail.startswith(
            "code: "
        ):
            raise UserError(
                f"{node.job.name}: only code edits can be accepted, this is {finding.verdict} ({finding.detail})"
            )
    assert node.manifest
    return compare_specs(node.manifest["spec"], current)
