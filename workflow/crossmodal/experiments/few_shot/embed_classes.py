"""Job: the features of a dataset's images under one base model, several views of those that are learnt from.

Of the train and val splits the images that some draw takes, of the test split all.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.data.images import decode
from crossmodal.data.shots import check_splits, classes_of, draw_shots
from crossmodal.data.tables import read_table
from crossmodal.experiments.few_shot.backbone import frozen_model
from crossmodal.experiments.few_shot.features import Features, Head, write_features, write_head
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
    labels = {
        path.stem: read_table(path, ["label"])["label"].to_pylist() for path in (train, validation, test)
    }
    where = spec["wildcards"]["dataset"]
    if values["shots"]:
        check_splits(labels, where)
    classes = classes_of(labels[(train if values["shots"] else test).stem], where)
    model, digest = frozen_model(config, weights).to(device()), cached_md5(weights)
    for split, path, shots, views in (
        (train, train_features, values["shots"], values["views"]),
        (validation, validation_features, values["validation_shots"], 1),
        (test, test_features, None, 1),
    ):
        found = features_of(model, split, drawn(split, shots, values["draws"]), views, values)
        write_features(path, found, {"model": digest, "dataset": cached_md5(split)})
    texts = torch.from_numpy(class_embeddings(model, classes, values["prompts"], values["batch_size"]))
    _, weight, bias = split_projection(model)
    own = None if bias is None else bias.detach().cpu()
    write_head(head, Head(weight.detach().cpu(), own, float(logit_scale(model)), classes, texts))


def drawn(split: Path, shots: int | None, draws: Sequence[int]) -> list[int]:
    """Return the rows of the images that some of `draws` takes, `shots` of each class; all rows for None."""
    table = read_table(split, ["image_id", "label"])
    if shots is None:
        return list(range(table.num_rows))
    ids, labels = table["image_id"].to_pylist(), table["label"].to_pylist()
    return sorted({row for draw in draws for row in draw_shots(ids, labels, shots, draw)})


def features_of(
    model: CLIP, split: Path, rows: Sequence[int], views: int, values: dict[str, Any]
) -> Features:
    """Return the features of some rows of a split: of one view as they are, of several in random crops.

    A crop follows from the image's id and its number, whatever stands beside it.
    """
    clustered = values["cluster"] == "group"
    columns = ["image_id", "label", "image", *(["group"] if clustered else [])]
    table = read_table(split, columns).take(pa.array(rows, pa.int64()))
    ids, labels = table["image_id"].to_pylist(), table["label"].to_pylist()
    groups = table["group"].to_pylist() if clustered else []
    clusters = [f"{label}/{group}" for label, group in zip(labels, groups, strict=True)] if clustered else ids
    encode, weight, _ = split_projection(model)
    size, batch_size = clip.image_size(model), max(1, values["batch_size"] // views)
    vectors = torch.zeros(len(rows), views, weight.shape[1])
    pixels = torch.zeros(len(rows), 3 * SIDE * SIDE)
    with torch.inference_mode():
        for start in progress(
            range(0, len(rows), batch_size), f"features of {split.parent.name}", unit="batch"
        ):
            part = table.slice(start, batch_size)
            images = np.stack([decode(image["bytes"], size) for image in part["image"].to_pylist()])
            batch, end = torch.from_numpy(images), start + part.num_rows
            seen = torch.cat(
                [views_of(image, views, name) for image, name in zip(batch, ids[start:end], strict=True)]
            )
            found = encode(seen.to(device())).float().cpu()
            vectors[start:end] = found.unflatten(0, (len(batch), views))
            pixels[start:end] = small_pixels(batch)
    return Features(ids, clusters, labels, vectors, pixels)


def views_of(image: Tensor, views: int, name: str) -> Tensor:
    """Return uint8 [s, s, 3] as pixels [views, 3, s, s] in [0, 1]: as it is, or in crops that `name` decides."""
    if views == 1:
        return to_pixels(image[None])
    seed = int.from_bytes(sha256(name.encode()).digest()[:7], "big")
    return augment(image.expand(views, *image.shape), CROPS, Generator().manual_seed(seed))


def small_pixels(images: Tensor) -> Tensor:
    """Return uint8 images [n, s, s, 3] as the means of SIDE x SIDE fields in [0, 1], float32 [n, 3 SIDE^2]."""
    return functional.adaptive_avg_pool2d(to_pixels(images), SIDE).flatten(1)


if __name__ == "__main__":
    run(main, accelerated=True)
