"""Training data in memory: images decoded once, captions as tokens, one random caption an image and epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import torch
from torch import Generator, Tensor

from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import image_size, tokenize


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Images and their captions, ready for a model of one image size and context length."""

    images: Tensor
    """uint8 [n, size, size, 3]."""
    tokens: Tensor
    """int32 [m, context]; m captions, those of one image side by side, in the order of the images."""
    owners: Tensor
    """int64 [m], ascending: the image of each caption. Every image has at least one."""
    labels: Tensor
    """int64 [n]: images with equal numbers, and their captions, are positives of one another."""

    def __len__(self) -> int:
        """Return the number of images, which is the number of pairs in an epoch."""
        return len(self.images)


@dataclass(frozen=True, slots=True)
class Batch:
    """b pairs of an image and one of its captions: a whole batch, or a process's part of one."""

    images: Tensor
    """uint8 [b, size, size, 3]."""
    tokens: Tensor
    """int64 [b, context]."""
    labels: Tensor
    """int64 [b]."""
    first: int
    """The number of the first of these pairs in the whole batch."""
    pairs: int
    """How many pairs the whole batch has."""

    def to(self, device: str) -> "Batch":
        """Return the batch on `device`."""
        images, tokens, labels = (t.to(device) for t in (self.images, self.tokens, self.labels))
        return Batch(images, tokens, labels, self.first, self.pairs)


def load_training_set(model: CLIP, paths: list[Path]) -> TrainingSet:
    """Return the images and captions of the dataset files at `paths` for `model`, in file order.

    Equal labels in different files are one label. Images without captions are left out. Raises UserError
    if a file cannot be read or nothing is left.
    """
    images, captions, owners, names = [], [], [], []
    kept = 0
    for path in paths:
        columns = read_table(path, ["captions", "label"]).to_pydict()
        rows = [row for row, own in enumerate(columns["captions"]) if own]
        if not rows:
            continue
        decoded = torch.from_numpy(decode_split(path, image_size(model)))
        images.append(decoded if len(rows) == len(decoded) else decoded[rows])
        for image, row in enumerate(rows, start=kept):
            captions.extend(columns["captions"][row])
            owners.extend([image] * len(columns["captions"][row]))
            names.append(columns["label"][row])
        kept += len(rows)
    if not kept:
        raise UserError(f"no image with a caption in {', '.join(map(str, paths)) or 'no file'}")
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return TrainingSet(
        images=images[0] if len(images) == 1 else torch.cat(images),
        tokens=tokenize(model, captions).to(torch.int32),
        owners=torch.tensor(owners),
        labels=torch.tensor([number[name] for name in names]),
    )


def count_batches(pairs: int, batch_size: int) -> int:
    """Return how many batches an epoch of `pairs` pairs has."""
    return ceil(pairs / batch_size)


def smallest_batch(pairs: int, batch_size: int) -> int:
    """Return how many pairs the smallest batch of an epoch of `pairs` pairs has."""
    return pairs // count_batches(pairs, batch_size)


def epoch_batches(
    data: TrainingSet, batch_size: int, generator: Generator, part: int = 0, parts: int = 1
) -> Iterator[Batch]:
    """Yield every image once, in random order, with one of its captions at random.

    The batches are as few as `batch_size` allows and of equal size to within one pair: a small rest would
    be a batch with hardly a negative. Of each batch, split in `parts`, only number `part` (from 0) is yielded.
    """
    order = torch.randperm(len(data), generator=generator)
    counts = torch.bincount(data.owners, minlength=len(data))
    first = counts.cumsum(0) - counts
    # The draw is below 1, the product can still round up to the count: hence the minimum.
    draws = (torch.rand(len(data), generator=generator, dtype=torch.float64) * counts).long()
    captions = first + torch.minimum(draws, counts - 1)
    for batch in order.tensor_split(count_batches(len(data), batch_size)):
        split = batch.tensor_split(parts)
        own, before = split[part], sum(len(rows) for rows in split[:part])
        yield Batch(data.images[own], data.tokens[captions[own]].long(), data.labels[own], before, len(batch))
