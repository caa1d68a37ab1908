"""The image tower alone against the whole model."""

import shutil

import numpy as np
import pytest
import torch

from crossmodal.data.images import decode
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder, scratch
from crossmodal.models.scratch_params import Params
from crossmodal.serving.encoder import Encoder
from crossmodal.serving.image_query import image_encoder
from crossmodal.serving.weights import ModelFiles
from served import drawing, save

IMAGE = drawing("red", "circle")


@torch.inference_mode()
def whole(model, image):
    pixels = torch.from_numpy(decode(image, clip.image_size(model)).copy())[None]
    return dual_encoder.encode_images(model, dual_encoder.to_pixels(pixels))[0].numpy()


@pytest.mark.parametrize(("kind", "values"), [("zero_shot", {}), ("full", {}), ("lora", {"rank": 2})])
def test_the_vector_is_that_of_the_whole_model(adapted, kind, values):
    files, model = adapted(kind, **values)
    np.testing.assert_allclose(image_encoder(files)(IMAGE), whole(model, IMAGE), atol=1e-6)


def test_a_clip_with_its_own_text_tower_is_known_too(tmp_path):
    nano = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    files = ModelFiles(save(nano, tmp_path / "nano"))
    np.testing.assert_array_equal(image_encoder(files)(IMAGE), whole(nano, IMAGE))


def test_what_cannot_be_folded_is_left_to_the_whole_model(adapted):
    files, model = adapted("adapter", bottleneck=4)
    assert image_encoder(files) is None
    loads = []
    encoder = Encoder(files, lambda: loads.append(1) or model)
    np.testing.assert_array_equal(encoder.image(IMAGE), whole(model, IMAGE))
    with torch.inference_mode():
        expected = dual_encoder.encode_texts(model, clip.tokenize(model, ["a red square"]))[0].numpy()
    np.testing.assert_array_equal(encoder.text("a red square"), expected)
    assert loads == [1], "the whole model is loaded once for both towers"


def test_a_broken_image_is_a_value_error(base):
    with pytest.raises(ValueError, match="not an image file"):
        image_encoder(ModelFiles(base))(b"no image at all")


def test_weights_of_another_architecture_are_named(base, tmp_path):
    nano = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    folder = save(nano, tmp_path / "nano")
    shutil.copy(base / "open_clip_model.safetensors", folder)
    with pytest.raises(UserError, match=r"open_clip_model.safetensors: does not fit the model"):
        image_encoder(ModelFiles(folder))
