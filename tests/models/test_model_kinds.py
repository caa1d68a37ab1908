import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.models import clip, hub, hub_params, scratch
from crossmodal.models.scratch_params import CONFIGS


def test_the_kinds() -> None:
    assert registry.kinds("models") == ("distilled", "hub", "locked_text", "scratch", "towers")


def test_a_seed_is_a_model(nano: CLIP) -> None:
    params = registry.parse("models", {"kind": "scratch", "config": "vit-nano-32"})
    before = torch.random.get_rng_state()
    again, other = scratch.create(params, seed=0), scratch.create(params, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in nano.state_dict().items())
    assert not torch.equal(nano.token_embedding.weight, other.token_embedding.weight)


@pytest.mark.parametrize(("name", "size"), [("vit-tiny-48", (48, 24, 128)), ("vit-nano-32", (32, 24, 64))])
def test_bundled_configurations(name: str, size: tuple[int, int, int]) -> None:
    with torch.device("meta"):
        model = clip.build_clip(clip.read_config(CONFIGS / f"{name}.json"))
    assert (clip.image_size(model), clip.context_length(model), clip.embedding_size(model)) == size


def test_the_spec_holds_the_architecture_itself(tmp_path: Path) -> None:
    """A resolved spec is parsed again in the job, where the file may have another content or none."""
    named = registry.parse("models", {"kind": "scratch", "config": "vit-nano-32"})
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(named.config))
    assert registry.parse("models", {"kind": "scratch", "config": str(file)}) == named
    spec = json.loads(json.dumps(named.model_dump(mode="json")))
    assert spec["config"]["model_cfg"]["embed_dim"] == 64
    assert registry.parse("models", spec) == named


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("vit-tiny-84", "nearest 'vit-tiny-48'"),
        ({"model_cfg": {}}, "model_cfg.embed_dim"),
        ({"model_cfg": [], "preprocess_cfg": {}}, "model_cfg.embed_dim"),
        (3, "JSON object"),
        ([], "JSON object"),
    ],
)
def test_a_wrong_configuration_is_refused_at_once(config: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.parse("models", {"kind": "scratch", "config": config})


@pytest.mark.parametrize(
    ("architecture", "pretrained", "message"),
    [
        ("ViT-B-32", "openai", "write architecture: ViT-B-32-quickgelu"),
        ("RN50", "openai", "write architecture: RN50-quickgelu"),
        ("ViT-B32", "openai", "nearest 'ViT-B-32'"),
        ("ViT-B-32", "laion2b_s34b_b80k", 'no tag of ViT-B-32; did you mean "laion2b_s34b_b79k"'),
        ("ViT-B-32-quickgelu", "laion", "accepts: .*metaclip_400m"),
    ],
)
def test_hub_names_are_checked_without_the_hub(architecture: str, pretrained: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.parse("models", {"kind": "hub", "architecture": architecture, "pretrained": pretrained})


def test_the_weights_that_open_clip_lists_are_read_from_its_source() -> None:
    from open_clip.pretrained import _PRETRAINED

    for name, weights in _PRETRAINED.items():
        known = hub_params._weights().get(name) or hub_params._weights()[name.removesuffix("-quickgelu")]
        assert set(weights) <= set(known), name
        assert set(weights) == set(known) or name.endswith("-quickgelu"), name


def test_every_openai_architecture_has_a_right_name() -> None:
    from open_clip.pretrained import list_pretrained_models_by_tag

    accepted = 0
    for name in list_pretrained_models_by_tag("openai"):
        values = {"kind": "hub", "architecture": name, "pretrained": "openai"}
        if name.endswith("-quickgelu"):
            assert registry.parse("models", values).architecture == name
            accepted += 1
        else:
            with pytest.raises(ValidationError, match=f"{name}-quickgelu"):
                registry.parse("models", values)
    assert accepted >= 9


@pytest.mark.parametrize(
    ("architecture", "pretrained", "message"),
    [
        ("ViT-B-32-quickgelu", "laion2b_s34b_b79k", "it has openai, .*metaclip_400m"),
        ("ViT-B-32", "metaclip_400m", "another activation .*; use ViT-B-32-quickgelu"),
        ("coca_ViT-B-32", "laion2b_s13b_b90k", "text decoder"),
    ],
)
def test_hub_tags_are_checked_before_anything_is_fetched(
    architecture: str, pretrained: str, message: str
) -> None:
    params = registry.parse("models", {"kind": "hub", "architecture": architecture, "pretrained": pretrained})
    with pytest.raises(UserError, match=message):
        hub.create(params, seed=0)


def test_parameters_import_neither_torch_nor_open_clip() -> None:
    code = (
        "import sys; from crossmodal import registry\n"
        "for package in ('models', 'adaptation'): registry.any_of(package)\n"
        "hub = {'kind': 'hub', 'architecture': 'ViT-B-32', 'pretrained': 'laion2b_s34b_b79k'}\n"
        "registry.parse('models', hub)\n"
        "print(sorted({'torch', 'open_clip', 'pandas', 'numpy'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "pretrained"),
    [("ViT-B-32-quickgelu", "openai"), ("xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k")],
)
def test_no_network_is_one_line(tmp_path: Path, architecture: str, pretrained: str) -> None:
    code = (
        "from crossmodal import registry; from crossmodal.models import hub\n"
        "from crossmodal.errors import UserError\n"
        f"p = registry.parse('models', {{'kind': 'hub', 'architecture': '{architecture}',"
        f" 'pretrained': '{pretrained}'}})\n"
        "try: hub.create(p, 0)\n"
        "except UserError as error: print(error)"
    )
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | nowhere, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1
    assert "could not be fetched" in result.stdout
