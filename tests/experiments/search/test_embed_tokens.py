"""The job that writes tokens, on a tiny model: rows are the dataset's, the compression is the training split's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.experiments.search.embed_tokens import main
from crossmodal.models import clip, dual_encoder, scratch, token_states
from crossmodal.models.scratch_params import Params
from crossmodal.reranking.token_compression import load_compression
from crossmodal.reranking.token_files import key_of, open_patches, read_words, restore

SPEC = {"threads": 1, "seed": 0, "parameters": {"batch_size": 3, "tokens": {"grid": 2, "width": 8}}}
CAPTIONS = [
    ["a red hat", "hat"],
    ["an octopus with a very long name of many words"],
    [],
    ["a red hat"],
    ["x y"],
]


def dataset(path: Path, name: str, count: int = 5) -> Path:
    rng = np.random.default_rng(len(name))
    examples = [
        Example(
            f"{name}/{i}", encode_png(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)), "p.png", CAPTIONS[i],
            f"label {i}", "group", "style",
        )
        for i in range(count)
    ]  # fmt: skip
    write_examples(path, examples)
    return path


@pytest.fixture
def model(tmp_path: Path):
    """Return the files of a tiny model with an adapter that does something, and the model itself."""
    model = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    files = [tmp_path / name for name in ("config.json", "base.safetensors")]
    clip.save_clip(model, *files)
    params = registry.parse("adaptation", {"kind": "lora", "rank": 2})
    methods.attach(model, params, seed=0)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.2, generator=generator)
    adapter = [tmp_path / name for name in ("adapter.json", "adapter.safetensors")]
    methods.save_adapter(model, params, *adapter)
    return [files[0], files[1], [], *adapter], model.eval()


@pytest.fixture
def made(model, tmp_path):
    """Return a function that runs the job over two sets and returns its outputs by name."""

    def run(folder="out", train=True, fitted=(), spec=SPEC):
        outputs = tmp_path / folder
        outputs.mkdir()
        names = ("compression", "a.npy", "b.npy", "a.words")
        paths = {name: outputs / name for name in names}
        sets = [dataset(tmp_path / f"{name}.parquet", name, count) for name, count in (("a", 5), ("b", 3))]
        trained = [dataset(tmp_path / "train.parquet", "train")] if train else []
        main(
            *model[0], trained, list(fitted), sets, sets[:1], paths["compression"],
            [paths["a.npy"], paths["b.npy"]], [paths["a.words"]], spec,
        )  # fmt: skip
        return paths, sets

    return run


@torch.no_grad()
def test_rows_are_those_of_the_dataset_and_tokens_are_the_adapted_tower_s(model, made):
    paths, sets = made()
    compression = load_compression(paths["compression"])
    codes = open_patches(paths["a.npy"])
    assert (
        codes["key"].tolist() == [key_of(f"a/{i}") for i in range(5)]
        and len(open_patches(paths["b.npy"])) == 3
    )
    assert codes.dtype.itemsize == 8 + 4 * 2 + 4 * 8  # key, scales and 2 x 2 tokens of 8 bytes
    from crossmodal.data.images import decode_split

    pixels = dual_encoder.to_pixels(torch.from_numpy(decode_split(sets[0], 32)))
    expected = compression.images(token_states.image_states(model[1], pixels, 2).numpy())
    np.testing.assert_allclose(restore(codes), expected, atol=np.abs(expected).max() / 200)
    words = read_words(paths["a.words"])
    flat = [caption for own in CAPTIONS for caption in own]
    states, counts = token_states.text_states(model[1], clip.tokenize(model[1], flat))
    found, present = words.rows(np.arange(len(flat)))
    assert len(words) == len(flat) and (present.sum(axis=1) == counts.sum(dim=1).numpy()).all()
    np.testing.assert_allclose(found[present], states[counts].numpy(), atol=2e-3, rtol=2e-3)


def test_a_fitted_compression_is_kept_to_and_the_job_gives_the_same_bytes_again(made):
    first, _ = made()
    again, _ = made("again")
    kept, _ = made("kept", train=False, fitted=[first["compression"]])
    for name, path in first.items():
        assert path.read_bytes() == again[name].read_bytes() == kept[name].read_bytes()


def test_what_does_not_fit_together_is_one_line(made):
    with pytest.raises(UserError, match="either one training split"):
        made("neither", train=False)
    first, _ = made()
    other = SPEC | {"parameters": {"batch_size": 3, "tokens": {"grid": 2, "width": 4}}}
    with pytest.raises(UserError, match="keeps 8 numbers of a token, the parameters 4"):
        made("other", train=False, fitted=[first["compression"]], spec=other)
    wide = SPEC | {"parameters": {"batch_size": 3, "tokens": {"grid": 2, "width": 4096}}}
    with pytest.raises(UserError, match="width 4096 is above"):
        made("wide", spec=wide)
