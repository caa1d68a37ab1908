"""Weights with an adapter folded in by name are those of the whole model, merged."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from crossmodal.errors import UserError
from crossmodal.serving.weights import ModelFiles, foldable, tower_tensors
from served import load

FOLDED = [
    ("zero_shot", {}),
    ("full", {}),
    ("linear", {}),
    ("bitfit", {}),
    ("lora", {"rank": 2}),
    ("lora", {"rank": 3, "alpha": 5.0, "scaling": "alpha/sqrt(r)", "placement": "qkvo+mlp"}),
    ("lora", {"rank": 2, "towers": "text"}),
]


@pytest.mark.parametrize(("kind", "values"), FOLDED)
@pytest.mark.parametrize("prefix", ["text.", "visual."])
def test_they_are_those_of_the_merged_model(adapted, kind, values, prefix):
    files, model = adapted(kind, **values)
    found = tower_tensors(files, prefix)
    expected = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(prefix)}
    assert found is not None and found.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_allclose(found[name], tensor.numpy(), rtol=1e-6, atol=1e-7, err_msg=name)


def test_a_model_without_an_adapter_is_read_as_it_is(base):
    found = tower_tensors(ModelFiles(base), "text.")
    expected = load(ModelFiles(base)).state_dict()
    assert found and all(np.array_equal(found[name], expected[name].numpy()) for name in found)


def test_an_adapter_that_is_more_than_weights_is_left_to_the_whole_model(adapted):
    files, _ = adapted("adapter", bottleneck=4)
    assert not foldable(files) and tower_tensors(files, "text.") is None


def test_a_term_on_a_weight_that_is_no_modules_own_is_left_to_the_whole_model(adapted, tmp_path):
    """As on torch's attention, whose projections are one bare parameter."""
    files, _ = adapted("lora", rank=2)
    shutil.copy(files.adapter_config, tmp_path)
    factors = load_file(files.adapter_weights)
    name = next(name for name in factors if ".text." in name and name.endswith(".lora_A.weight"))
    path = name.removesuffix(".lora_A.weight")
    factors["base_model.model.text.attn.lora_A.weight"] = factors[name].clone()
    factors["base_model.model.text.attn.lora_B.weight"] = factors[f"{path}.lora_B.weight"].clone()
    save_file(factors, tmp_path / "adapter_model.safetensors")
    assert tower_tensors(ModelFiles(files.folder, tmp_path), "text.") is None


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_an_adapter_of_another_model_is_named(adapted, tmp_path, kind):
    files, _ = adapted(kind, **({"rank": 2} if kind == "lora" else {}))
    shutil.copy(files.adapter_config, tmp_path)
    tensors = {n: t for n, t in load_file(files.adapter_weights).items() if "text.transformer" in n}
    changed = {n: torch.cat([t, t]) if t.dim() > 1 else t for n, t in tensors.items()}
    save_file(changed, tmp_path / "adapter_model.safetensors")
    with pytest.raises(UserError, match=r"adapter_model.safetensors: is the adapter of another model"):
        tower_tensors(ModelFiles(files.folder, tmp_path), "text.")


def test_files_that_are_missing_or_broken_are_named(base, tmp_path):
    with pytest.raises(UserError, match=r"open_clip_model.safetensors: no such weights file"):
        tower_tensors(ModelFiles(tmp_path), "text.")
    whole = (base / "open_clip_model.safetensors").read_bytes()
    (tmp_path / "open_clip_model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a readable safetensors file"):
        tower_tensors(ModelFiles(tmp_path), "text.")
    (tmp_path / "adapter_config.json").write_text("[1, 2]")
    with pytest.raises(UserError, match=r"adapter_config.json: holds a list, not a JSON object"):
        foldable(ModelFiles(base, tmp_path))
    (tmp_path / "adapter_config.json").write_text(json.dumps({"crossmodal": "lora"}))
    assert not foldable(ModelFiles(base, tmp_path))
