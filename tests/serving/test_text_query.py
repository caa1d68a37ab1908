"""The text tower in numpy against the whole model, and that it takes no torch to ask it."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder, scratch
from crossmodal.models.scratch_params import Params
from crossmodal.serving.text_query import _tokenizer, text_encoder
from crossmodal.serving.weights import ModelFiles
from served import WORDS, build_towers, load, save

CAPTIONS = [
    "a red square", "A  Red\tSQUARE ", "", "[PAD] a [SEP] [MASK]", "naïve ünknown 東京 🐙", "a &amp;lt; red",
    "the big red circle of the small blue square of the grey stripe a a a a",
]  # fmt: skip


@torch.inference_mode()
def whole(model, captions):
    """Return the vectors of the captions one by one, by the whole model."""
    return np.stack(
        [dual_encoder.encode_texts(model, clip.tokenize(model, [text]))[0].numpy() for text in captions]
    )


@pytest.mark.parametrize(("kind", "values"), [("zero_shot", {}), ("full", {}), ("lora", {"rank": 2})])
def test_the_vectors_are_those_of_the_whole_model(adapted, kind, values):
    files, model = adapted(kind, **values)
    encode = text_encoder(files)
    found = np.stack([encode(text) for text in CAPTIONS])
    np.testing.assert_allclose(found, whole(model, CAPTIONS), atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("pool", ["mean_pooler", "cls_last_hidden_state_pooler"])
def test_both_poolings_are_known(bert, tmp_path, pool):
    model = build_towers(bert, hf_pooler_type=pool)
    encode = text_encoder(ModelFiles(save(model, tmp_path / "model")))
    np.testing.assert_allclose(np.stack([encode(t) for t in CAPTIONS]), whole(model, CAPTIONS), atol=2e-6)


@given(st.lists(st.sampled_from([*WORDS, "octopus", "[PAD]", "·", "&lt;", "\n"]), max_size=20).map(" ".join))
def test_captions_are_tokenised_as_by_open_clip(bert, text):
    from crossmodal.models.hugging_face import tokenizer

    if not hasattr(test_captions_are_tokenised_as_by_open_clip, "both"):
        test_captions_are_tokenised_as_by_open_clip.both = (
            _tokenizer(bert, 12), tokenizer(str(bert), 12, None, {}),
        )  # fmt: skip
    own, theirs = test_captions_are_tokenised_as_by_open_clip.both
    found = own(text).tolist()
    assert found + [0] * (12 - len(found)) == theirs([text])[0].tolist()


@pytest.mark.parametrize(
    "text_cfg",
    [
        {"hf_pooler_type": "max_pooler"},
        {"hf_proj_type": "mlp"},
        {"tokenizer_kwargs": {"clean": "lower"}},
    ],
)
def test_what_numpy_does_not_know_is_left_to_the_whole_model(bert, tmp_path, text_cfg):
    assert text_encoder(ModelFiles(save(build_towers(bert, **text_cfg), tmp_path / "model"))) is None


def test_other_towers_and_adapters_are_left_to_the_whole_model(adapted, tmp_path):
    nano = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    assert text_encoder(ModelFiles(save(nano, tmp_path / "nano"))) is None
    assert text_encoder(adapted("adapter", bottleneck=4)[0]) is None


def test_a_tower_that_lies_elsewhere_is_found_from_the_models_own_root(bert, base, tmp_path, monkeypatch):
    """A study's models name the tower from the study's root."""
    shutil.copytree(bert, tmp_path / "study/data/bert")
    folder = tmp_path / "study/results/model"
    shutil.copytree(base, folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"] |= {"hf_model_name": "data/bert", "hf_tokenizer_name": "data/bert"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(
        text_encoder(ModelFiles(folder))("a red square"), text_encoder(ModelFiles(base))("a red square")
    )


def test_weights_of_another_tower_are_named(bert, base, tmp_path):
    other = tmp_path / "model"
    shutil.copytree(base, other)
    shutil.copytree(bert, tmp_path / "bert")
    config = json.loads((tmp_path / "bert/config.json").read_text()) | {"num_hidden_layers": 3}
    (tmp_path / "bert/config.json").write_text(json.dumps(config))
    own = json.loads((other / "open_clip_config.json").read_text())
    own["model_cfg"]["text_cfg"]["hf_model_name"] = str(tmp_path / "bert")
    (other / "open_clip_config.json").write_text(json.dumps(own))
    with pytest.raises(UserError, match="does not fit the model"):
        text_encoder(ModelFiles(other))


def test_a_text_query_imports_neither_torch_nor_open_clip(index, drawings):
    """They take seconds. The index is real, and the pictures are found too."""
    code = f"""
import sys
from pathlib import Path
from crossmodal.serving.model import Model
from crossmodal.serving.pictures import Pictures
from crossmodal.serving.session import open_session
from crossmodal.serving.weights import ModelFiles
from crossmodal.provenance.digests import md5
files = ModelFiles(Path({str(index[1].folder)!r}), Path({str(index[1].adapter)!r}))
digest = lambda: md5(files.weights) + "+" + md5(files.adapter_weights)
session = open_session(Path({str(index[0])!r}), Model(digest, files, None), Pictures([Path({str(drawings[0])!r})]))
hits = session.text("a red square", 3)
assert len(hits) == 3 and all(hit.picture for hit in hits)
heavy = {{"torch", "torchvision", "open_clip", "transformers", "timm", "pandas", "starlette"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_whole_model_loads_as_the_tower_does(index):
    """The slow way that the others are compared with is the toolkit's."""
    from crossmodal.commands.toolkit import load_model

    files = index[1]
    expected, found = load(files), load_model(str(files.folder), files.adapter)
    np.testing.assert_array_equal(whole(found, CAPTIONS[:2]), whole(expected, CAPTIONS[:2]))
