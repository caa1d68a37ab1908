"""Every image tower of studies/encoders.yaml can be built, and takes images of the size that it is given."""

from pathlib import Path

import pytest
import torch

from crossmodal.models import clip, towers
from crossmodal.models.dual_encoder import encode_images
from crossmodal.models.towers_params import Params
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import load_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STUDY = load_study(read_yaml(Path("params.yaml")), read_yaml(Path("studies/encoders.yaml")))
MODELS = dict.fromkeys(STUDY.model_of(cell) for cell in STUDY.room("encoders").cells)


@pytest.mark.parametrize("name", MODELS)
def test_it_can_be_built_and_embeds(name: str) -> None:
    own = STUDY.models[name].image.model_dump() | {"weights": "random"}
    text = {"weights": "random", "config": {"width": 32, "heads": 2, "layers": 1}}
    params = Params.model_validate(
        {"kind": "towers", "image": own, "text": text, "embed_dim": 16, "alignment": None}
    )
    model = towers.create(params, 0).eval()
    with torch.no_grad():
        found = encode_images(model, torch.rand(2, 3, clip.image_size(model), clip.image_size(model)))
    assert found.shape == (2, 16) and torch.isfinite(found).all()
