"""Classes as means over prompts: one prompt is that caption itself, the order of prompts says nothing."""

import numpy as np
import pytest
import torch

from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.class_prompts import class_embeddings, words
from crossmodal.models.export import embed_captions
from crossmodal.models.scratch import create
from crossmodal.models.scratch_params import Params

LABELS = ["red-cat", "dog_house", "x"]


@pytest.fixture(scope="module")
def model() -> CLIP:
    torch.manual_seed(0)
    return create(Params(kind="scratch", config="vit-nano-32"), 0, {}).eval()


def test_labels_are_read_as_words() -> None:
    assert [words(label) for label in LABELS] == ["red cat", "dog house", "x"]


def test_one_prompt_is_that_caption(model: CLIP) -> None:
    found = class_embeddings(model, LABELS, ["a {} here"], 2)
    captions = embed_captions(model, clip.tokenize(model, [f"a {words(label)} here" for label in LABELS]), 2)
    assert found == pytest.approx(captions, abs=1e-6)


def test_a_class_is_the_mean_of_its_prompts_of_unit_length(model: CLIP) -> None:
    prompts = ["{}", "a {}", "no {} at all"]
    found = class_embeddings(model, LABELS, prompts, 4)
    for row, label in zip(found, LABELS, strict=True):
        asked = [prompt.replace("{}", words(label)) for prompt in prompts]
        mean = sum(embed_captions(model, clip.tokenize(model, [text]), 1)[0] for text in asked)
        assert row == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert class_embeddings(model, LABELS, prompts[::-1], 3) == pytest.approx(found, abs=1e-5)
