"""A student has half of its teacher's parameters and starts with what it inherits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from open_clip.model import CLIP
from tests.models import tiny_towers

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.models import clip, distilled, scratch
from crossmodal.models.distilled_params import Params
from crossmodal.models.inheritance import sources
from crossmodal.models.student_architecture import StudentText, cut_tower_config

VIT = registry.parse("models", {"kind": "scratch", "config": "vit-tiny-48"})


def params(**values: Any) -> Params:
    return registry.parse("models", {"kind": "distilled", "teacher": "base", **values})


@pytest.fixture(scope="module")
def teacher() -> CLIP:
    return scratch.create(VIT, seed=0)


@pytest.fixture(scope="module")
def towers(bert: Path) -> CLIP:
    """A tiny EfficientNet and a tiny BERT of two layers."""
    return tiny_towers.create({}, {"weights": "folder", "folder": str(bert)})


@pytest.fixture(scope="module")
def cut(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of half of that BERT."""
    return cut_tower(bert, tmp_path_factory.mktemp("cut"))


def cut_tower(folder: Path, to: Path, **text: int) -> str:
    import json

    config = cut_tower_config(json.loads((folder / "config.json").read_bytes()), StudentText(**text))
    (to / "config.json").write_text(json.dumps(config))
    return str(to)


def test_a_student_of_a_vision_transformer(teacher: CLIP) -> None:
    before = torch.random.get_rng_state()
    student, inherited = distilled.create(params(), 0, teacher)
    assert torch.equal(before, torch.random.get_rng_state())
    own, theirs = distilled.size(student), distilled.size(teacher)
    assert own.total - own.without_token_table == theirs.total - theirs.without_token_table == 49408 * 128
    assert 0.45 < own.without_token_table / theirs.without_token_table < 0.55 < own.total / theirs.total
    assert inherited == list(student.state_dict()), "no width differs, so all that it has is the teacher's"
    expected = teacher.state_dict()
    for name, tensor in student.state_dict().items():
        source = name.replace("visual.transformer.resblocks.1.", "visual.transformer.resblocks.2.")
        assert torch.equal(tensor, expected[source]), name
    assert student.config["preprocess_cfg"] == teacher.config["preprocess_cfg"] and not student.training
    with torch.no_grad():
        student.logit_scale.add_(1)
    assert not torch.equal(student.logit_scale, teacher.logit_scale), "the teacher's weights are copied"


def test_a_narrower_student_inherits_what_has_its_shape(teacher: CLIP) -> None:
    student, inherited = distilled.create(params(image={"layers": 4, "width": 64}, embed_dim=64), 3, teacher)
    again, _ = distilled.create(params(image={"layers": 4, "width": 64}, embed_dim=64), 3, teacher)
    other, _ = distilled.create(params(image={"layers": 4, "width": 64}, embed_dim=64), 4, teacher)
    name = "visual.conv1.weight"
    assert torch.equal(student.state_dict()[name], again.state_dict()[name])
    assert not torch.equal(student.state_dict()[name], other.state_dict()[name])
    assert (
        "token_embedding.weight" in inherited and "transformer.resblocks.0.attn.in_proj_weight" in inherited
    )
    assert not any(name.startswith("visual.transformer") for name in inherited)
    assert "text_projection" not in inherited, "the joint space is narrower"


def test_a_student_of_two_towers(towers: CLIP, cut: str) -> None:
    student, inherited = distilled.create(params(largest_share=1.0), 0, towers, cut)
    state, expected = student.state_dict(), towers.state_dict()
    assert {name for name in state if ".layer.1." in name} == set(), "one of two layers"
    assert inherited == list(state) and all(torch.equal(state[n], expected[n]) for n in state)
    text = student.config["model_cfg"]["text_cfg"]
    assert text["hf_model_name"] == cut and text["hf_tokenizer_name"] != cut
    assert torch.equal(*(clip.tokenize(model, tiny_towers.CAPTIONS) for model in (student, towers)))
    assert clip.image_size(student) == clip.image_size(towers)


def test_another_image_tower_is_random_and_all_of_it(towers: CLIP, cut: str) -> None:
    """What has the same name and shape in another network does other work there."""
    smaller = params(image={"architecture": "test_efficientnet_gn"}, largest_share=1.0)
    _, inherited = distilled.create(smaller, 0, towers, cut)
    assert not any(name.startswith("visual.") for name in inherited)
    assert any(name.startswith("text.transformer.encoder.layer.0.") for name in inherited)
    assert not smaller.holds_statistics() and params().holds_statistics()


def test_the_default_towers_have_a_student_of_half_their_size(tmp_path: Path) -> None:
    """EfficientNet-Lite0 and MiniLM, counted without memory for them."""
    import transformers

    for layers, folder in ((6, tmp_path / "minilm"), (3, tmp_path / "cut"), (2, tmp_path / "shorter")):
        transformers.BertConfig(
            vocab_size=30522, hidden_size=384, num_hidden_layers=layers, num_attention_heads=12,
            intermediate_size=1536,
        ).save_pretrained(folder)  # fmt: skip
    values = {"weights": "folder", "folder": str(tmp_path / "minilm")}
    image = {"architecture": "tf_efficientnet_lite0", "weights": "random", "size": 64}
    of = registry.parse("models", tiny_towers.values(image, values) | {"embed_dim": 512})
    config = {
        "model_cfg": of.model_cfg(str(tmp_path / "minilm")),
        "preprocess_cfg": of.image.preprocess_cfg(),
    }
    half = params(image={"architecture": "mobilenetv2_050"})
    with torch.device("meta"):
        teacher = clip.build_clip(config)
        student = clip.build_clip(distilled.config_of(half, config, str(tmp_path / "cut")))
    own, theirs = distilled.size(student), distilled.size(teacher)
    assert (theirs.total, theirs.without_token_table) == (26_788_353, 15_067_905)
    assert 0.45 < own.without_token_table / theirs.without_token_table < 0.5
    assert 0.6 < own.total / theirs.total < 0.75, "the token table stays"
    distilled.check_size(own, theirs, half)
    with torch.device("meta"):
        kept = distilled.size(
            clip.build_clip(distilled.config_of(params(), config, str(tmp_path / "shorter")))
        )
    assert 0.5 < kept.without_token_table / theirs.without_token_table < 0.55, (
        "its image tower is the teacher's"
    )
    distilled.check_size(kept, theirs, params(text={"layers": 2}))


def test_layers_of_a_longer_stack_are_those_of_the_teacher() -> None:
    def stack(count: int) -> torch.nn.Module:
        model = torch.nn.Module()
        model.blocks = torch.nn.ModuleList(
            torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(count // 2))) for _ in range(count)
        )
        return model

    found = sources(stack(4), stack(8))
    assert found["blocks.1.0.weight"] == "blocks.2.0.weight" and found["blocks.3.1.bias"] == "blocks.6.2.bias"
    assert sources(stack(4), torch.nn.Linear(2, 2)) == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"image": {"layers": 4}, "text": {"layers": 2}},
            r"100% of its teacher's .*; at most 55% are allowed",
        ),
        ({"largest_share": 0.25}, "take fewer layers, a narrower width or a smaller image.architecture"),
        ({"image": {"layers": 9}}, "the student of base: image.layers is 9, the teacher's is 4"),
        ({"config": "vit-nano-32"}, "the student of base: it takes images of 32 px and the teacher of 48 px"),
    ],
)
def test_a_student_that_cannot_be(teacher: CLIP, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        distilled.create(params(**values), 0, teacher)


def test_a_teacher_of_another_tokenizer(towers: CLIP, teacher: CLIP) -> None:
    small = dict(
        VIT.config, model_cfg=VIT.config["model_cfg"] | {"vision_cfg": {"image_size": 32, "patch_size": 8}}
    )
    with pytest.raises(
        UserError, match=r"its tokenizer is CLIP's own .* choose a teacher with that tokenizer"
    ):
        distilled.create(params(config=small), 0, towers)


def test_an_architecture_of_its_own(teacher: CLIP) -> None:
    config = dict(VIT.config, model_cfg=VIT.config["model_cfg"] | {"embed_dim": 32})
    student, inherited = distilled.create(params(config=config, largest_share=1.0), 0, teacher)
    assert clip.embedding_size(student) == 32 and "token_embedding.weight" in inherited
