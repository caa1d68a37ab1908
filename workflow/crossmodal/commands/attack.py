"""`crossmodal attack`: a dataset whose images are attacked, to be looked at or evaluated elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal import registry
from crossmodal.commands.toolkit import (
    Adapter,
    BatchSize,
    Model,
    Source,
    check_dataset,
    load_model,
    naming_images,
    written,
)
from crossmodal.errors import UserError
from crossmodal.experiments.robustness.threats import ThreatModel
from crossmodal.parameters import Parameters, nearest
from crossmodal.study.configuration import validate

if TYPE_CHECKING:
    from crossmodal.data.images import Pixels
    from crossmodal.experiments.robustness.attacked_split import AttackedSplit
    from crossmodal.models.architecture import CLIP

THREATS: tuple[ThreatModel, ...] = ("query-image", "gallery-image")


def attack(
    source: Source,
    model: Model,
    out: Annotated[Path, typer.Option(metavar="OUT.parquet", help="Where the attacked dataset goes.")],
    adapter: Adapter = None,
    kind: Annotated[str, typer.Option(help="An attack on images: pgd_images or fgsm.")] = "pgd_images",
    epsilon: Annotated[
        str,
        typer.Option(help="Radius in pixel values of [0, 1]: of each value for linf, of the image for l2."),
    ] = "8/255",
    norm: Annotated[str | None, typer.Option(help="linf (the default) or l2.")] = None,
    steps: Annotated[int | None, typer.Option(help="Gradient steps; 20 if not given.")] = None,
    restarts: Annotated[
        int | None, typer.Option(help="Climbs from different starts; 1 if not given.")
    ] = None,
    threat: Annotated[
        str,
        typer.Option(
            help="query-image: an image misses its captions. gallery-image: captions miss their image."
        ),
    ] = "query-image",
    seed: Annotated[int, typer.Option(help="Of the random starts.")] = 0,
    batch_size: BatchSize = 64,
) -> None:
    """Write a copy of a dataset whose images are attacked so that a model retrieves wrongly with them.

    Images come out as PNG at the model's own size. Rounding to 8 bits, always towards the clean image so that the
    radius holds, costs strength: a study attacks without rounding and is the measure of a model's robustness.
    Captions stay. Attacks on texts perturb token embeddings, which no caption spells, and cannot be written.
    """
    params = attack_parameters(kind, epsilon, {"norm": norm, "steps": steps, "restarts": restarts})
    threatened = next((known for known in THREATS if known == threat), None)
    if threatened is None:
        raise UserError(f"--threat: {nearest(threat, THREATS, 'threat to images')}")
    check_dataset(source)
    with written(out, source) as temporary:
        _attack(source, load_model(model, adapter), params, threatened, seed, batch_size, temporary)
    print(f"{out}: attacked by {kind}, epsilon {epsilon}, {threat}")


def attack_parameters(kind: str, epsilon: str, options: dict[str, Any]) -> Any:
    """Return the typed parameters of the attack `kind`; options that are None were not given."""
    known = {name: registry.kind_class("attacks", name) for name in registry.kinds("attacks")}
    if kind not in known:
        on_images = [name for name, params in known.items() if params.space == "images"]
        raise UserError(f"--kind: {nearest(kind, on_images, 'attack on images')}")
    model: type[Parameters] = known[kind]
    if model.space != "images":  # type: ignore[attr-defined]  # every attack's parameters have it
        raise UserError(
            f"--kind {kind}: it perturbs {'token ' if model.space == 'texts' else ''}embeddings, which no file of "  # type: ignore[attr-defined]
            "images and captions can hold; a study evaluates it, what can be written is an attack on images"
        )
    values: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if "steps" in model.model_fields:
        values.setdefault("steps", 20)
    try:
        values["epsilon"] = epsilon if "/" in epsilon else float(epsilon)
    except ValueError:
        raise UserError(f"--epsilon: got {epsilon!r}; accepts a number such as 0.03 or 8/255") from None
    return validate(model, {"kind": kind, **values}, f"--kind {kind}")


def _attack(
    source: Path,
    model: "CLIP",
    attack: Any,
    threat: ThreatModel,
    seed: int,
    batch_size: int,
    destination: Path,
) -> None:
    """Write the attacked dataset and print what the attack did to recall@1, as it is written."""
    from dataclasses import replace
    from pathlib import PurePosixPath

    from crossmodal.data.images import encode_png
    from crossmodal.data.tables import read_examples, write_examples
    from crossmodal.experiments.robustness.attacked_split import read_split
    from crossmodal.experiments.robustness.threats import ThreatParameters

    whole = ThreatParameters(captions="all", batch_size=batch_size, seed=seed)
    with naming_images(source):
        data = read_split(model, source, whole)
    images = attacked_images(model, data, attack, threat, seed, batch_size)
    examples = (
        replace(
            example,
            image=encode_png(image),
            path=str(PurePosixPath(example.path or example.image_id).with_suffix(".png")),
        )
        for example, image in zip(read_examples(source), images, strict=True)
    )
    described = {"attack": attack.model_dump_json(), "threat": threat, "seed": str(seed)}
    write_examples(destination, examples, described)
    clean, attacked = recalls(model, data, images, threat, batch_size)
    direction = "image_to_text" if threat == "query-image" else "text_to_image"
    print(f"recall@1, {direction}: {100 * clean:.1f} % clean, {100 * attacked:.1f} % as written")


def attacked_images(
    model: "CLIP", data: "AttackedSplit", attack: Any, threat: ThreatModel, seed: int, batch_size: int
) -> "Pixels":
    """Return the images of `data` attacked, uint8 [n, s, s, 3]; each is within the attack's ball."""
    import numpy as np
    import torch

    from crossmodal.attacks.context import frozen
    from crossmodal.experiments.robustness.attacked import attack_pixels, objective_of
    from crossmodal.progress import progress

    objective = objective_of(model, data, threat, "margin")
    generator, out = torch.Generator().manual_seed(seed), np.empty_like(data.pixels)
    with frozen(model), torch.no_grad():
        batches = torch.arange(len(out)).split(batch_size)
        for batch in progress(batches, attack.kind, unit="batch"):
            pixels = attack_pixels(model, data, attack, batch, objective(batch), generator)
            clean = data.pixels[batch.numpy()]
            change = pixels.permute(0, 2, 3, 1).cpu().numpy() * 255.0 - clean
            # Towards the clean image, so that the ball holds; the small number is for what float32 lost.
            out[batch.numpy()] = clean + np.trunc(change + 1e-3 * np.sign(change))
    return out


def recalls(
    model: "CLIP", data: "AttackedSplit", images: "Pixels", threat: str, batch_size: int
) -> tuple[float, float]:
    """Return recall@1 of the threatened queries with the clean and with the attacked images."""
    import numpy as np

    from crossmodal.experiments.robustness.attacked_gallery import score_hidden
    from crossmodal.models.embeddings import restored
    from crossmodal.models.export import embed_images
    from crossmodal.statistics.metrics import score_queries

    attacked = restored(embed_images(model, images, batch_size).astype(np.float16))
    captions, labels = data.captions.vectors, (data.image_labels, data.caption_labels)
    if threat == "query-image":
        both = [score_queries(vectors, captions, *labels) for vectors in (data.images.vectors, attacked)]
    else:
        clean = data.images.vectors
        both = [score_hidden(captions, clean, vectors, *labels[::-1]) for vectors in (clean, attacked)]
    before, after = (float(scores.metrics["recall@1"].mean()) for scores in both)
    return before, after
