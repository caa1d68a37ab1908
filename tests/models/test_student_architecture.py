"""What a student looks like follows from its teacher, and what cannot be is said in words."""

from typing import Any

import pytest

from crossmodal.models.student_architecture import (
    StudentImage,
    StudentText,
    cut_tower_config,
    even_layers,
    misfit,
    student_cfg,
)

VIT: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 48, "patch_size": 8, "width": 128, "layers": 4, "head_width": 32},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 2},
}
TOWERS: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {
        "timm_model_name": "resnet18",
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": 64,
    },
    "text_cfg": {"hf_model_name": "data/bert", "hf_pooler_type": "mean_pooler", "context_length": 32},
    "custom_text": True,
}
BERT = {
    "model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12,
    "intermediate_size": 1536, "vocab_size": 30522,
}  # fmt: skip


def of(
    teacher: dict[str, Any], image: dict[str, Any] | None = None, text: dict[str, Any] | None = None,
    embed_dim: int | None = None, folder: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    return student_cfg(
        teacher,
        StudentImage.model_validate(image or {}),
        StudentText.model_validate(text or {}),
        embed_dim,
        folder,
    )


@pytest.mark.parametrize(
    ("count", "kept", "expected"),
    [(6, 3, [0, 2, 4]), (12, 5, [0, 2, 4, 7, 9]), (4, 4, [0, 1, 2, 3]), (3, 1, [0]), (5, 2, [0, 2])],
)
def test_layers_at_even_distances(count: int, kept: int, expected: list[int]) -> None:
    assert even_layers(count, kept) == expected


def test_half_of_the_layers() -> None:
    student = of(VIT)
    assert (student["vision_cfg"]["layers"], student["text_cfg"]["layers"]) == (2, 1)
    student["vision_cfg"]["layers"], student["text_cfg"]["layers"] = 4, 2
    assert student | {"text_cfg": student["text_cfg"]} == VIT, "all else is the teacher's"
    assert VIT["vision_cfg"]["layers"] == 4


def test_a_narrower_tower_has_heads_of_the_same_size() -> None:
    student = of(VIT, {"layers": 3, "width": 96}, {"layers": 2, "width": 64}, 32)
    assert student["vision_cfg"] == VIT["vision_cfg"] | {"layers": 3, "width": 96}
    assert student["text_cfg"] == VIT["text_cfg"] | {"width": 64, "heads": 2} and student["embed_dim"] == 32


def test_another_network_and_part_of_a_text_tower() -> None:
    student = of(TOWERS, {"architecture": "mobilenetv2_050"}, folder="results/text")
    assert student["vision_cfg"] == TOWERS["vision_cfg"] | {"timm_model_name": "mobilenetv2_050"}
    text = {"hf_model_name": "results/text", "hf_tokenizer_name": "data/bert"}
    assert student["text_cfg"] == TOWERS["text_cfg"] | text
    assert of(TOWERS, folder="x")["vision_cfg"] == TOWERS["vision_cfg"]
    assert of(VIT, {"architecture": "resnet10t"})["vision_cfg"]["image_size"] == 48


def test_part_of_a_text_tower_of_hugging_face() -> None:
    assert cut_tower_config(BERT, StudentText()) == BERT | {"num_hidden_layers": 3}
    narrow = {"num_hidden_layers": 6, "hidden_size": 192, "num_attention_heads": 6, "intermediate_size": 768}
    assert cut_tower_config(BERT, StudentText(layers=6, width=192)) == BERT | narrow
    distil = {"model_type": "distilbert", "n_layers": 6, "dim": 768, "n_heads": 12, "hidden_dim": 3072}
    assert cut_tower_config(distil, StudentText(layers=2)) == distil | {"n_layers": 2}


@pytest.mark.parametrize(
    ("teacher", "image", "text", "message"),
    [
        (VIT, {"layers": 5}, {}, "image.layers is 5, the teacher's is 4: a student is no larger"),
        (VIT, {"width": 256}, {}, "image.width is 256, the teacher's is 128"),
        (VIT, {"width": 100}, {}, "image.width 100 is no multiple of the teacher's head_width 32"),
        (VIT, {}, {"layers": 3}, "text.layers is 3, the teacher's is 2"),
        (VIT, {}, {"width": 100}, "text.width 100 is no multiple of 32, the size of the teacher's heads"),
        (TOWERS, {"layers": 2}, {}, "the teacher has resnet18; write image.architecture"),
        (TOWERS, {}, {}, "needs the folder"),
    ],
)
def test_what_no_student_can_have(
    teacher: dict[str, Any], image: dict[str, Any], text: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        of(teacher, image, text)


@pytest.mark.parametrize(
    ("config", "text", "message"),
    [
        (BERT, {"layers": 7}, "text.layers is 7, the teacher's is 6"),
        (BERT, {"width": 200}, "text.width 200 is no multiple of 32"),
        ({"model_type": "t5"}, {}, "it is t5, whose sizes have other names than num_hidden_layers"),
    ],
)
def test_what_no_part_of_a_text_tower_can_have(
    config: dict[str, Any], text: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cut_tower_config(config, StudentText.model_validate(text))


def changed(section: str, **values: Any) -> dict[str, Any]:
    return VIT | {section: VIT[section] | values}


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (TOWERS, r"its tokenizer is data/bert \(32 tokens\) and the teacher's CLIP's own \(24 tokens\)"),
        (changed("text_cfg", context_length=20), r"CLIP's own \(20 tokens\)"),
        (changed("text_cfg", vocab_size=1000), "a student reads the tokens of its teacher"),
        (changed("text_cfg", tokenizer_kwargs={"clean": "lower"}), "a student reads the tokens"),
        (changed("vision_cfg", image_size=32), "images of 32 px and the teacher of 48 px"),
    ],
)
def test_other_tokens_or_pixels(student: dict[str, Any], message: str) -> None:
    import re

    found = misfit(student, VIT)
    assert found is not None and re.search(message, found)


def test_the_same_tokens_and_pixels() -> None:
    assert misfit(of(VIT), VIT) is None and misfit(of(TOWERS, folder="x"), TOWERS) is None
