"""Job: the features of a dataset's images under one base model, several views of those that are learnt from."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_table
from crossmodal.experiments.few_shot.backbone import frozen_model
from crossmodal.experiments.few_shot.features import Features, Head, write_features, write_head
from crossmodal.experiments.few_shot.shots import classes_of
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.class_prompts import class_embeddings
from crossmodal.models.dual_encoder import logit_scale, to_pixels
from crossmodal.models.image_projection import split_projection
from crossmodal.progress import progress
from crossmodal.provenance.digests import cached_md5
from crossmodal.torch_setup import device, prepare_torch
from crossmodal.training.augmentation import augment
from crossmodal.training.settings import AugmentationParameters

SIDE = 8
"""Pixels of a side that the probe sees."""
CROPS = AugmentationParameters(smallest_scale=0.6, largest_scale=1.0, shift=0.1, brightness=0.0, contrast=0.0)
"""Views of a shot: crops, as for Tip-Adapter, but never mirrored: a letter or an arrow is another one then."""


def main(
    config: In, weights: In, tower: Ins, train: In, validation: In, test: In,
    train_features: Out, validation_features: Out, test_features: Out, head: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    prepare_torch(spec["threads"], spec["seed"])
    model = frozen_model(config, weights)
    generator = torch.Generator().manual_seed(spec["seed"])
    digest = cached_md5(weights)
    splits = (
        (train, train_features, values["views"]),
        (validation, validation_features, 1),
        (test, test_features, 1),
    )
    for split, path, views in splits:
        wanted = values["learnt_from"] or split is test
        found = features_of(model, split, views, values["batch_size"], values["cluster"], generator, wanted)
        write_features(path, found, {"model": digest, "dataset": cached_md5(split)})
    labels = read_table(train if values["learnt_from"] else test, ["label"])["label"].to_pylist()
    classes = classes_of(labels, spec["wildcards"]["dataset"])
    texts = torch.from_numpy(class_embeddings(model, classes, values["prompts"], values["batch_size"]))
    _, weight, bias = split_projection(model)
    own = None if bias is None else bias.detach().cpu()
    write_head(head, Head(weight.detach().cpu(), own, float(logit_scale(model)), classes, texts))


def features_of(
    model: CLIP, split: Path, views: int, batch_size: int, cluster: str, generator: Generator, wanted: bool = True
) -> Features:  # fmt: skip
    """Return the features of the images of a split: of one view as they are, of several in random crops.

    `cluster` is the column that says what is resampled as one. Of a split that is not `wanted` no image.
    """
    columns = ["image_id", "label", *(["group"] if cluster == "group" else [])]
    table = read_table(split, columns)
    images = torch.from_numpy(decode_split(split, clip.image_size(model)))
    if not wanted:
        table, images = table.slice(0, 0), images[:0]
    ids, labels = table["image_id"].to_pylist(), table["label"].to_pylist()
    clusters = [f"{label}/{group}" for label, group in zip(labels, table["group"].to_pylist(), strict=True)] if (
        cluster == "group"
    ) else ids  # fmt: skip
    encode, weight, _ = split_projection(model)
    found: list[Tensor] = []
    with torch.inference_mode():
        for start in progress(
            range(0, len(images), batch_size), f"features of {split.parent.name}", unit="batch"
        ):
            batch = images[start : start + batch_size]
            seen = [_view(batch, views, generator) for _ in range(views)]
            pixels = torch.stack(seen, dim=1).flatten(0, 1)
            parts = [encode(part.to(device())).float().cpu() for part in pixels.split(batch_size)]
            found.append(torch.cat(parts).unflatten(0, (len(batch), views)))
    vectors = torch.cat(found) if found else torch.zeros(0, views, weight.shape[1])
    return Features(ids, clusters, labels, vectors.clone(), small_pixels(images))


def _view(images: Tensor, views: int, generator: Generator) -> Tensor:
    return to_pixels(images) if views == 1 else augment(images, CROPS, generator)


def small_pixels(images: Tensor) -> Tensor:
    """Return uint8 images [n, s, s, 3] as the means of SIDE x SIDE fields in [0, 1], float32 [n, 3 SIDE^2]."""
    if not len(images):
        return torch.zeros(0, 3 * SIDE * SIDE)
    parts: Sequence[Tensor] = [
        functional.adaptive_avg_pool2d(to_pixels(part), SIDE).flatten(1) for part in images.split(1024)
    ]
    return torch.cat(list(parts))


if __name__ == "__main__":
    run(main, accelerated=True)
