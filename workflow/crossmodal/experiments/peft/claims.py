"""The claims of H1."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from crossmodal.experiments.peft.params import KEY, Params, home
from crossmodal.statistics.claims import Alternatives, Claim
from crossmodal.statistics.records import CellFacts

CONTINGENCIES = {"lora_blocks": "LoRA with the last blocks unfrozen", "adalora": "rank allocation"}
"""The methods that the proposal asks for where one keeps less than 90 % of full fine-tuning's recall."""


def claims(params: Params, target: str, cells: Mapping[str, CellFacts]) -> Iterator[Claim]:
    """Yield the claims about the cells that `params` name; `target` is the dataset of the study."""
    if params.cell and params.reference:
        for k in (1, 5):
            yield _retained(k, params.cell, params.reference, target, params.baseline, cells)
    for name, roles in params.elsewhere.items():
        if roles.cell and roles.reference:
            dataset = cells[roles.reference].dataset if roles.reference in cells else target
            for k in (1, 5):
                claim = _retained(k, roles.cell, roles.reference, dataset, roles.baseline, cells)
                statement = f"{claim.statement} (reported beside)"
                yield replace(claim, id=f"{claim.id}.{name}", statement=statement, beside=True)
    if params.cell and params.reference:
        yield from _costs(params.cell, params.reference)


def _retained(
    k: int, cell: str, reference: str, dataset: str, baseline: str | None, cells: Mapping[str, CellFacts]
) -> Claim:
    def kept(name: str, direction: str = "mean") -> str:
        return f"peft/{name}/s*/{dataset}/test/clean/{direction}/retention_recall@{k}"

    context = [("text to image", kept(cell, "text_to_image")), ("image to text", kept(cell, "image_to_text"))]
    if baseline:
        gain = f"peft/{cell}/s*/{dataset}/test/clean/mean/normalised_gain_recall@{k}"
        context.append((f"share of the gain over {baseline}", gain))
    beside = f"peft/{reference}/s*/{dataset}/test/clean/mean"
    needs = (f"{beside}/gain_recall@{k}", f"what {reference} gains over {baseline or 'a baseline'}")
    fitting = [
        name
        for name, facts in cells.items()
        if facts.method in CONTINGENCIES
        and home(name, cells) == home(reference, cells)
        and not facts.adversarial
    ]
    return Claim(
        f"{KEY}.recall@{k}",
        f"{cell} keeps more than 95 % of the recall@{k} of {reference} on {dataset}",
        kept(cell), ">", 0.95,
        context=tuple(context),
        alternatives=Alternatives(
            0.90, " or ".join(CONTINGENCIES.values()), tuple((name, kept(name)) for name in fitting)
        ),
        aa=f"{beside}/aa_retention_recall@{k}",
        smallest=f"{beside}/smallest_visible_recall@{k}",
        needs=needs,
        trained=True,
    )  # fmt: skip


def _costs(cell: str, reference: str) -> Iterator[Claim]:
    def parameters(metric: str) -> str:
        return f"peft/{cell}/s*/-/-/-/-/{metric}"

    def latency(form: str, part: str) -> str:
        return f"peft/{cell}/s*/-/-/{form}/-/saved_latency_{part}"

    yield Claim(
        f"{KEY}.parameters",
        f"{cell} trains 98 % fewer parameters than {reference}",
        parameters("saved_parameters"), ">", 0.98,
        context=(
            ("nominal, parameters that never get a gradient included", parameters("saved_parameters_nominal")),
            ("token embeddings' share of the model", parameters("token_embeddings_share")),
        ),
    )  # fmt: skip
    yield Claim(
        f"{KEY}.latency",
        f"{cell}, merged, encodes an image and a caption in 40 % less time than {reference}",
        latency("merged", "pair"), ">", 0.40,
        context=(
            ("unmerged", latency("unmerged", "pair")),
            ("image, merged", latency("merged", "image")),
            ("text, merged", latency("merged", "text")),
        ),
        instead=(latency("unmerged", "pair"), "Measured unmerged: its method cannot be folded."),
        control=(
            f"{reference} timed twice in each process",
            f"peft/{reference}/s*/-/-/again/-/saved_latency_pair",
        ),
    )  # fmt: skip
