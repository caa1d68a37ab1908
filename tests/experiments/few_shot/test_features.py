"""Features and heads as files: what is read is what was written, to half precision."""

from pathlib import Path

import pytest
import torch

from crossmodal.errors import UserError
from crossmodal.experiments.few_shot.features import (
    Features,
    Head,
    read_features,
    read_head,
    write_features,
    write_head,
)


@pytest.mark.parametrize("views", [1, 3])
def test_features_are_read_as_written(tmp_path: Path, views: int) -> None:
    drawn = torch.Generator().manual_seed(views)
    vectors, pixels = torch.randn(4, views, 5, generator=drawn), torch.rand(4, 12, generator=drawn)
    ids = ["a", "b", "c", "d"]
    written = Features(ids, ["x", "x", "y", "z"], ["cat", "cat", "dog", "owl"], vectors, pixels)
    write_features(tmp_path / "f.parquet", written, {"model": "m"})
    read = read_features(tmp_path / "f.parquet")
    assert (read.ids, read.clusters, read.labels) == (ids, written.clusters, written.labels)
    assert torch.equal(read.vectors, vectors.half().float()) and torch.equal(
        read.pixels, pixels.half().float()
    )
    part = read.take([2, 0])
    assert part.ids == ["c", "a"] and torch.equal(part.vectors[1], read.vectors[0])


def test_no_image_is_written_too(tmp_path: Path) -> None:
    nothing = Features([], [], [], torch.zeros(0, 1, 5), torch.zeros(0, 12))
    write_features(tmp_path / "f.parquet", nothing, {})
    assert read_features(tmp_path / "f.parquet").vectors.shape == (0, 1, 5)


@pytest.mark.parametrize("biased", [False, True])
def test_a_head_is_read_as_written(tmp_path: Path, biased: bool) -> None:
    bias = torch.randn(3) if biased else None
    written = Head(torch.randn(3, 5), bias, 14.25, ["cat", "hibou"], torch.randn(2, 3))
    write_head(tmp_path / "h.safetensors", written)
    read = read_head(tmp_path / "h.safetensors")
    assert torch.equal(read.weight, written.weight) and torch.equal(read.texts, written.texts)
    assert (read.scale, read.classes) == (14.25, ["cat", "hibou"])
    assert (read.bias is None) != biased


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h.safetensors").write_text("no")
    with pytest.raises(UserError, match="not an image tower's projection"):
        read_head(tmp_path / "h.safetensors")
