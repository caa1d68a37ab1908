"""The adversary's parameters: what is refused, how they go through a spec, what a job's fingerprint names."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from crossmodal.errors import UserError
from crossmodal.provenance.closure import closure
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import load_study
from crossmodal.training.adversary_settings import AdversaryParameters

ROOT = Path(__file__).resolve().parents[2]
IMAGES, TEXTS = {"kind": "pgd_images", "steps": 2}, {"kind": "pgd_texts", "steps": 2}
EMBEDDINGS = {"kind": "pgd_embeddings", "steps": 3}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"images": IMAGES | {"epsilon": -0.1}}, "images.epsilon: got -0.1; accepts greater than or equal to 0"),
        ({"texts": TEXTS | {"epsilon": -1}}, "texts.epsilon: got -1; accepts greater than or equal to 0"),
        ({"images": EMBEDDINGS | {"epsilon": 3}}, "images.epsilon: got 3; accepts less than or equal to 2"),
        ({"images": TEXTS}, 'adversary: images: the attack "pgd_texts" is one on texts'),
        ({"texts": {"kind": "fgsm"}}, 'adversary: texts: the attack "fgsm" is one on images'),
        ({"images": IMAGES | {"restarts": 3}}, "images: training attacks from one start, restarts must be 1"),
        ({"clean_share": 0.5}, "adversary: an adversary needs an attack: give images, texts or both"),
        ({"images": IMAGES, "texts": TEXTS, "objective": "fare"}, "texts: the objective fare attacks images only"),
        ({"texts": TEXTS, "objective": "fare"}, "texts: the objective fare attacks images only"),
        ({"images": EMBEDDINGS, "objective": "fare"}, "images: the objective fare attacks pixels, not embeddings"),
        ({"images": {"kind": "fgsm"}, "objective": "fare"}, "images: the objective fare needs an attack with"),
        ({"images": IMAGES, "objective": "clip"}, "objective: got 'clip'; accepts retrieval, fare"),
        ({"images": IMAGES, "epsilon_warmup_share": 1.5}, "epsilon_warmup_share: got 1.5; accepts less than"),
        ({"images": IMAGES, "validation": {"max_images": 9}}, "validation: an adversary needs an attack"),
        ({"images": {"kind": "pgd_image"}}, "images: kind: got 'pgd_image'; did you mean \"pgd_images\"?"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_one_line_of_the_study(values, problem):
    cell = {"method": {"kind": "full"}, "adversary": values}
    with pytest.raises(UserError) as error:
        load_study(read_yaml(ROOT / "params.yaml"), {"adaptation": {"cells": {"mine": cell}}})
    line = str(error.value)
    assert "\n" not in line and line.startswith("parameters: adaptation.cells.mine.adversary")
    assert problem in line


def test_parameters_survive_a_spec():
    values = {"images": IMAGES, "texts": EMBEDDINGS, "epsilon_warmup_share": 0.1}
    params = AdversaryParameters.model_validate(
        values | {"validation": {"images": IMAGES, "select_on": "robust"}}
    )
    assert AdversaryParameters.model_validate_json(params.model_dump_json()) == params
    assert (
        params.select_on == "robust"
        and AdversaryParameters.model_validate({"images": IMAGES}).select_on == "clean"
    )
    with pytest.raises(ValidationError):
        AdversaryParameters.model_validate({"images": IMAGES, "clean_share": 1.5})


def test_fingerprints_name_what_runs_and_nothing_else():
    code, _ = closure(("crossmodal.training.loop",))
    assert not [name for name in code if "attacks" in name and not name.endswith("_params")]
    assert not {f"crossmodal.training.{n}" for n in ("adversary", "fare", "robust_validation")} & set(code)
    plain, _ = closure(tuple(AdversaryParameters.model_validate({"images": IMAGES}).modules()))
    assert {"crossmodal.attacks.joint", "crossmodal.attacks.pgd_images"} <= set(plain)
    others = {
        "crossmodal.training.fare",
        "crossmodal.training.robust_validation",
        "crossmodal.attacks.pgd_texts",
    }
    assert not others & set(plain)
    whole = AdversaryParameters.model_validate(
        {"images": IMAGES, "objective": "fare", "validation": {"images": {"kind": "fgsm"}, "texts": TEXTS}}
    )
    assert others | {"crossmodal.attacks.fgsm"} <= set(closure(tuple(whole.modules()))[0])
