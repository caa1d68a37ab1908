"""Linear projection only: the limit of full fine-tuning in which two matrices train."""

import peft
import pytest
import torch

from crossmodal.adaptation import methods
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.scratch_params import CONFIGS

NAMES = {"visual.proj", "text_projection"}


def trainable(model) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("attention", ["torch", "open_clip"])
def test_the_projections_train_and_nothing_else(bases, fresh, params, train, attention) -> None:
    model = fresh(attention)
    methods.attach(model, params("linear"), seed=0)
    assert trainable(model) == NAMES
    train(model)
    changed = {
        k for k, v in model.state_dict().items() if not torch.equal(v, bases[attention].state_dict()[k])
    }
    assert changed == NAMES


def test_it_is_full_fine_tuning_restricted_to_them(fresh, params, train) -> None:
    linear, full = fresh(), fresh()
    methods.attach(linear, params("linear"), seed=0)
    methods.attach(full, params("full"), seed=0)
    full.requires_grad_(False)
    for name in NAMES:
        full.get_parameter(name).requires_grad_(True)
    train(linear)
    train(full)
    assert all(torch.equal(value, full.state_dict()[key]) for key, value in linear.state_dict().items())


@pytest.mark.slow  # builds ViT-B/32
def test_counts_of_vit_b_32(vit_b_32, params) -> None:
    model = vit_b_32()
    methods.attach(model, params("linear"), seed=0)
    counts = methods.parameter_counts(model)
    assert counts["trainable_image"] == 768 * 512 == 393_216
    assert counts["trainable_text"] == 512 * 512 == 262_144
    assert counts["trainable"] == 655_360
    assert round(100 * counts["share"], 2) == 0.43


def test_other_towers_have_it_under_other_names(params) -> None:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    resnet = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16}
    timm = {"image_size": 32, "timm_model_name": "resnet10t", "timm_pool": "", "timm_proj": "linear"}
    for vision, expected in (
        (resnet, {"visual.attnpool.c_proj.weight", "visual.attnpool.c_proj.bias"}),
        (timm | {"timm_pool": "avg"}, {"visual.head.proj.weight"}),
        (timm | {"timm_pool": "avg", "timm_proj": "mlp"},
         {"visual.head.mlp.fc1.weight", "visual.head.mlp.fc1.bias", "visual.head.mlp.fc2.weight"}),
    ):  # fmt: skip
        config["model_cfg"]["vision_cfg"] = vision
        with torch.device("meta"):
            model = clip.build_clip(config)
        methods.attach(model, params("linear"), seed=0)
        assert trainable(model) == expected | {"text_projection"}


def test_a_tower_without_projection_is_one_line(params) -> None:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["text_cfg"]["proj_type"] = "none"
    with torch.device("meta"):
        model = clip.build_clip(config)
    with pytest.raises(UserError, match="linear: the text tower has no projection") as error:
        methods.attach(model, params("linear"), seed=0)
    assert "\n" not in str(error.value)


def test_peft_cannot_train_bare_parameters(fresh) -> None:
    """Why the tensors are not in peft's layout: `modules_to_save` passes over what is no module."""
    projections = ["visual.proj", "text_projection"]
    config = peft.LoraConfig(r=1, target_modules=["visual.conv1"], modules_to_save=projections)
    trained = trainable(peft.get_peft_model(fresh(), config))
    assert trained and all("conv1.lora_" in name for name in trained)
