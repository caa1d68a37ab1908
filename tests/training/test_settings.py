"""What the parameters of training accept."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.settings import AugmentationParameters, TrainingParameters


def test_defaults_are_complete_but_for_the_epochs():
    settings = TrainingParameters.model_validate({"epochs": 3, "weight_decay": 0, "max_gradient_norm": None})
    assert settings.gradient_accumulation == settings.threads == settings.processes == 1
    assert settings.forward_chunk is None and not settings.activation_checkpointing
    assert settings == TrainingParameters.model_validate_json(settings.model_dump_json())
    with pytest.raises(ValidationError):
        TrainingParameters.model_validate({})


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1, "learning_rate": 0},
        {"epochs": 1, "warmup_share": 1.5},
        {"epochs": 1, "batch_size": 2.5},
        {"epochs": 1, "mixed_precision": "fp8"},
        {"epochs": 1, "forward_chunk": 0},
        {"epochs": 1, "processes": 0},
        {"epochs": 1, "augmentation": {"smallest_scale": 1.1, "largest_scale": 1.0}},
        {"epochs": 1, "mirror": True},
    ],
)
def test_wrong_training_parameters_are_errors(wrong):
    with pytest.raises(ValidationError):
        TrainingParameters.model_validate(wrong)


def test_an_adversary_has_attacks_that_fit_their_side():
    images = {"kind": "pgd_images", "epsilon": "8/255", "steps": 3}
    texts = {"kind": "pgd_texts", "epsilon": 0.1}
    adversary = AdversaryParameters.model_validate({"images": images, "texts": texts})
    assert adversary.clean_share == 0.5 and adversary.images.steps == 3
    assert adversary == AdversaryParameters.model_validate_json(adversary.model_dump_json())
    with pytest.raises(ValidationError, match="one on texts"):
        AdversaryParameters.model_validate({"images": texts})
    with pytest.raises(ValidationError, match="needs an attack"):
        AdversaryParameters.model_validate({})
    with pytest.raises(ValidationError, match="restarts"):
        AdversaryParameters.model_validate({"images": images | {"restarts": 2}})


def test_every_process_has_a_pair():
    assert TrainingParameters(epochs=1, batch_size=4, processes=4).processes == 4
    with pytest.raises(ValidationError, match="batch_size 4 is below processes 5"):
        TrainingParameters(epochs=1, batch_size=4, processes=5)


def test_augmentation_can_be_switched_off():
    assert TrainingParameters(epochs=1, augmentation=None).augmentation is None
    assert TrainingParameters(epochs=1).augmentation == AugmentationParameters()


def test_settings_import_neither_torch_nor_pandas():
    code = (
        "import sys, crossmodal.training.settings as s;"
        "assert not {'torch', 'pandas', 'open_clip'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
