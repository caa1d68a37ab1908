"""peft opens what is saved for a convolutional image tower and a BERT-like text tower."""

from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file

from crossmodal.adaptation import methods
from crossmodal.adaptation.low_rank import adapted

SAVED = ("adapter_config.json", "adapter_model.safetensors")
METHODS = [
    {"kind": "lora", "rank": 3, "alpha": 5.0, "placement": placement, "towers": towers}
    for placement in ("qkv", "qkvo", "qkvo+mlp")
    for towers in ("both", "image", "text")
]
METHODS += [
    {"kind": "lora", "rank": 20, "alpha": 5.0, "scaling": "alpha/sqrt(r)"},  # wider than some convolutions
    {"kind": "lora_blocks", "rank": 3, "alpha": 5.0},
    {"kind": "lora_blocks", "rank": 3, "alpha": 5.0, "towers": "image", "blocks": 2},
    {"kind": "lora_blocks", "rank": 3, "alpha": 5.0, "towers": "text"},
]


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments:UserWarning")
@pytest.mark.parametrize("values", METHODS, ids=lambda v: "-".join(map(str, v.values())))
def test_peft_opens_our_file(towers_base, towers, params, embed, tmp_path: Path, values) -> None:
    model, theirs, values = towers(), towers(), params(**values)
    methods.attach(model, values, seed=1)
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    methods.save_adapter(model, values, *(tmp_path / name for name in SAVED))
    opened = peft.PeftModel.from_pretrained(theirs, str(tmp_path)).eval()
    with torch.no_grad():
        for path, name, term in adapted(model):
            original = getattr(model.get_submodule(path).parametrizations, name).original
            delta = theirs.get_submodule(path).get_delta_weight("default")
            torch.testing.assert_close(delta, term(original) - original, atol=1e-6, rtol=0)
        expected = embed(model)
        assert (embed(opened.base_model.model) - expected).abs().max() <= 1e-5
        opened.save_pretrained(str(tmp_path / "again"))
        assert (embed(opened.merge_and_unload()) - expected).abs().max() <= 1e-5
        assert (expected - embed(towers_base)).abs().max() > 1e-3
    ours = load_file(tmp_path / SAVED[1])
    again = load_file(tmp_path / "again" / SAVED[1])
    assert ours.keys() == again.keys()
    assert all(torch.equal(again[key], tensor) for key, tensor in ours.items())
