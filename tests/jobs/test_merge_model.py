"""A cell whose method cannot be folded into the base weights has no plain open_clip model."""

from pathlib import Path

import pytest

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.errors import UserError
from crossmodal.jobs.merge_model import main
from crossmodal.models import clip, scratch
from crossmodal.models.scratch_params import Params


@pytest.mark.parametrize("kind", ["lora", "adapter"])
def test_what_can_be_merged_is_and_the_rest_is_one_line(kind: str, tmp_path: Path) -> None:
    model = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    base = tmp_path / "config.json", tmp_path / "base.safetensors"
    clip.save_clip(model, *base)
    adapter = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    params = registry.parse("adaptation", {"kind": kind})
    methods.attach(model, params, seed=0)
    methods.save_adapter(model, params, *adapter)
    merged = tmp_path / "merged.json", tmp_path / "merged.safetensors"
    if methods.merges(params):
        main(*base, [], *adapter, *merged, spec={})
        assert clip.load_clip(*merged).state_dict().keys() == clip.load_clip(*base).state_dict().keys()
        return
    with pytest.raises(UserError, match=r"adapter_config\.json: the method adapter adds modules") as error:
        main(*base, [], *adapter, *merged, spec={})
    assert "\n" not in str(error.value) and not any(path.exists() for path in merged)
