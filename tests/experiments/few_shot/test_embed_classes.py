"""Features of classified images: those that some draw takes, the same whatever stands beside them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.experiments.few_shot.embed_classes import drawn, features_of, small_pixels, views_of
from crossmodal.models import dual_encoder, scratch
from crossmodal.models.image_projection import split_projection
from crossmodal.models.scratch_params import Params
from probed import drawings

IMAGES = 12


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawings of three classes, two of a family."""
    path = tmp_path_factory.mktemp("split") / "train.parquet"
    examples = [
        Example(f"x/{n}", encode_png(image), "", ["a"], "abc"[n % 3], f"family-{n // 2}", "")
        for n, image in enumerate(drawings(IMAGES, seed=1))
    ]
    write_examples(path, examples)
    return path


@pytest.fixture(scope="module")
def model():
    return scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0).eval()


def test_rows_are_those_that_some_draw_takes(split: Path) -> None:
    assert drawn(split, None, [0]) == list(range(IMAGES)) and drawn(split, 0, [0]) == []
    one, other = drawn(split, 2, [0]), drawn(split, 2, [1])
    assert drawn(split, 2, [0, 1]) == sorted({*one, *other}) and len(one) == 6 and one != other


@pytest.mark.parametrize(("views", "cluster"), [(1, "image_id"), (3, "group")])
def test_features_are_the_towers_and_depend_on_no_neighbour(
    model, split: Path, views: int, cluster: str
) -> None:
    values = {"batch_size": 4, "cluster": cluster}
    every = features_of(model, split, range(IMAGES), views, values)
    some = features_of(model, split, [1, 7, 8], views, values)
    torch.testing.assert_close(some.vectors, every.vectors[[1, 7, 8]], atol=1e-5, rtol=0)
    assert some.ids == ["x/1", "x/7", "x/8"] and some.labels == ["b", "b", "c"]
    assert some.clusters == (["b/family-0", "b/family-3", "c/family-4"] if cluster == "group" else some.ids)
    image = torch.from_numpy(np.stack(drawings(IMAGES, seed=1)))[7]
    seen = views_of(image, views, "x/7")
    with torch.no_grad():
        expected = dual_encoder.image_features(model, seen)
    _, weight, bias = split_projection(model)
    torch.testing.assert_close(functional.linear(some.vectors[1], weight, bias), expected, atol=1e-4, rtol=0)
    assert torch.equal(seen[0], views_of(image, 1, "x/7")[0]) == (views == 1)
    assert len({view.numpy().tobytes() for view in seen}) == views, "each crop is another one"


def test_pixels_are_means_of_fields() -> None:
    image = torch.from_numpy(drawings(1, seed=3)[0])
    fields = image.float().reshape(8, 4, 8, 4, 3).mean(dim=(1, 3)).permute(2, 0, 1) / 255
    torch.testing.assert_close(small_pixels(image[None])[0], fields.flatten(), atol=1e-6, rtol=0)
