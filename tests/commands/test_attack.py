"""`crossmodal attack` on a dataset and a model made for the test."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_examples
from crossmodal.models import clip, dual_encoder
from crossmodal.models.loss import query_losses


def losses(folder, dataset, images, direction):
    """Return the mean loss of the queries of one direction with `images`, uint8 [n, 32, 32, 3]."""
    model = clip.load_clip(folder / "open_clip_config.json", folder / "open_clip_model.safetensors")
    examples = read_examples(dataset)
    owners = torch.tensor([i for i, e in enumerate(examples) for _ in e.captions])
    with torch.no_grad():
        features = dual_encoder.encode_images(model, dual_encoder.to_pixels(torch.from_numpy(images)))
        tokens = clip.tokenize(model, [text for e in examples for text in e.captions])
        texts, scale = dual_encoder.encode_texts(model, tokens), dual_encoder.logit_scale(model)
        if direction == "image_to_text":
            return float(query_losses(features, texts, torch.arange(len(examples)), owners, scale).mean())
        return float(query_losses(texts, features, owners, torch.arange(len(examples)), scale).mean())


@pytest.mark.parametrize(
    ("options", "direction", "radius"),
    [
        ("--epsilon 8/255", "image_to_text", 8),
        ("--epsilon 0.05 --threat gallery-image --restarts 2", "text_to_image", 0.05 * 255),
        ("--epsilon 6/255 --kind fgsm", "image_to_text", 6),
    ],
)
def test_images_are_attacked_within_the_ball(
    crossmodal, dataset, model, tmp_path, options, direction, radius
):
    out = tmp_path / "out.parquet"
    steps = [] if "fgsm" in options else ["--steps", 5]
    done = crossmodal("attack", dataset, "--model", model, *options.split(), *steps, "--out", out)
    assert done.status == 0, done.err
    assert f"recall@1, {direction}: " in done.out
    clean, attacked = decode_split(dataset, 32), decode_split(out, 32)
    difference = np.abs(attacked.astype(int) - clean)
    assert 0.5 * radius < difference.max() <= radius
    assert losses(model, dataset, attacked, direction) > losses(model, dataset, clean, direction)
    for old, new in zip(read_examples(dataset), read_examples(out), strict=True):
        kept = ("image_id", "captions", "label", "group", "style", "path")
        assert [getattr(old, k) for k in kept] == [getattr(new, k) for k in kept]
    described = pq.read_schema(out).metadata
    assert json.loads(described[b"attack"])["epsilon"] == pytest.approx(radius / 255)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.parquet", "toy.parquet"]


def test_an_l2_ball_holds_after_rounding(crossmodal, dataset, model, tmp_path):
    out = tmp_path / "out.parquet"
    options = ["--norm", "l2", "--epsilon", 0.5, "--steps", 4]
    assert crossmodal("attack", dataset, "--model", model, *options, "--out", out).status == 0
    change = (decode_split(out, 32).astype(float) - decode_split(dataset, 32)) / 255
    norms = np.sqrt((change**2).sum(axis=(1, 2, 3)))
    assert norms.min() > 0 and norms.max() <= 0.5


def test_the_seed_decides(crossmodal, dataset, model, tmp_path):
    def attack(name, seed):
        options = ["--steps", 1, "--seed", seed, "--out", tmp_path / name]
        assert crossmodal("attack", dataset, "--model", model, *options).status == 0
        return (tmp_path / name).read_bytes()

    assert attack("a", 1) == attack("b", 1) != attack("c", 2)


def test_the_smallest_radius_changes_nothing(crossmodal, dataset, model, tmp_path):
    out = tmp_path / "out.parquet"
    assert crossmodal("attack", dataset, "--model", model, "--epsilon", 0, "--out", out).status == 0
    np.testing.assert_array_equal(decode_split(out, 32), decode_split(dataset, 32))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--kind pgd_texts", "perturbs token embeddings, which no file of images and captions can hold"),
        ("--kind pgd_embeddings", "perturbs embeddings, which no file"),
        ("--kind pgd", "is no attack on images (accepts: fgsm, pgd_images)"),
        ("--kind pgd_image", 'did you mean "pgd_images"?'),
        ("--epsilon -1", "epsilon: got -1.0; accepts greater than or equal to 0"),
        ("--epsilon 8", 'epsilon of norm linf is at most 1: pixels are in [0, 1], write "8/255" for 8'),
        ("--epsilon much", "--epsilon: got 'much'; accepts a number such as 0.03 or 8/255"),
        ("--norm l1", "norm: got 'l1'"),
        ("--kind fgsm --steps 3", 'got "steps", which is no key here'),
        ("--threat text", 'got "text", which is no threat to images'),
        ("--steps 0", "steps: got 0"),
    ],
)
def test_wrong_options_are_one_line(crossmodal, dataset, model, tmp_path, options, problem):
    done = crossmodal(
        "attack", dataset, "--model", model, *options.split(), "--out", tmp_path / "out.parquet"
    )
    assert done.status == 1 and done.out == ""
    assert problem in done.err and done.err.startswith("error: ") and done.err.count("\n") == 1
    assert not (tmp_path / "out.parquet").exists()
