"""What holds for every kind: it is repeatable, keeps to its splits, and says what it cannot do."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from crossmodal import registry
from crossmodal.classifiers.base import Split
from crossmodal.classifiers.prompt_encoder import TowerEncoder
from crossmodal.errors import UserError
from few_shot_tasks import POISON, fit, make_task, queries, with_test

KINDS = registry.kinds("classifiers")
QUICK = {"coop": {"steps": 3, "every": 1}, "prolip": {"epochs": 3}, "clip_adapter": {"epochs": 3}}
CHOOSING = [kind for kind in KINDS if "chosen_on" in registry.kind_class("classifiers", kind).model_fields]

each = pytest.mark.parametrize("kind", KINDS)
each_choosing = pytest.mark.parametrize("kind", CHOOSING)


@pytest.fixture(scope="module")
def task(nano, names):
    """A task that every kind can be fitted to."""
    task = make_task(size=64)
    return replace(task, encode=TowerEncoder(nano, names))


def asked(task, kind) -> torch.Tensor:
    return task.pixels.validation.features[:, 0] if kind == "pixels" else queries(task)


def test_kinds() -> None:
    assert KINDS == (
        "clip_adapter", "coop", "pixels", "prolip", "tip_adapter", "tip_adapter_f", "xmadapter", "zero_shot",
    )  # fmt: skip
    assert set(KINDS) - set(CHOOSING) == {"prolip", "zero_shot"}


def test_their_parameters_are_free_of_torch() -> None:
    code = (
        "import sys; from crossmodal.registry import any_of; any_of('classifiers');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@each
def test_equal_seeds_give_equal_classifiers(task, kind) -> None:
    state = torch.random.get_rng_state()
    first, second = (fit(task, kind, **QUICK.get(kind, {})) for _ in range(2))
    assert torch.equal(first.logits(asked(task, kind)), second.logits(asked(task, kind)))
    assert (first.chosen, first.losses) == (second.chosen, second.losses)
    assert torch.equal(torch.random.get_rng_state(), state), "torch's own generator has no part in it"
    found = first.logits(asked(task, kind))
    assert found.shape == (40, 5) and found.dtype == torch.float32 and found.isfinite().all()
    assert all(isinstance(value, int | float) for value in first.chosen.values())


@each
def test_the_task_is_left_as_it_was(task, kind) -> None:
    def tensors():
        return [
            task.texts, task.projection, task.bias, task.splits.train.features, task.splits.validation.features,
            task.pixels.train.features,
        ]  # fmt: skip

    before = [tensor.clone() for tensor in tensors()]
    fit(task, kind, **QUICK.get(kind, {}))
    assert all(map(torch.equal, tensors(), before))


@each
def test_test_images_are_not_read(task, kind) -> None:
    poison = Split(torch.full_like(task.splits.validation.features, POISON), torch.full((40,), 99))
    clean, poisoned = (fit(t, kind, **QUICK.get(kind, {})) for t in (task, with_test(task, poison)))
    assert torch.equal(clean.logits(asked(task, kind)), poisoned.logits(asked(task, kind)))
    assert clean.chosen == poisoned.chosen


@each_choosing
def test_choices_on_test_are_choices_alone(task, kind) -> None:
    """With the validation images in their place all is the same; validation is then not read."""
    quick = QUICK.get(kind, {})
    plain, validation = fit(task, kind, **quick), task.splits.validation
    swapped = with_test(task, validation)
    swapped = replace(swapped, pixels=replace(task.pixels, test=task.pixels.validation))
    poison = replace(validation, features=torch.full_like(validation.features, POISON))
    swapped = replace(
        swapped,
        splits=replace(swapped.splits, validation=poison),
        pixels=replace(swapped.pixels, validation=replace(poison, features=poison.features[:, :, :12])),
    )
    found = fit(swapped, kind, chosen_on="test", **quick)
    assert found.chosen == plain.chosen and found.losses == plain.losses
    assert torch.equal(found.logits(asked(task, kind)), plain.logits(asked(task, kind)))


@each_choosing
def test_without_test_images_there_is_no_choice_on_them(task, kind) -> None:
    with pytest.raises(UserError, match=f"^{kind}: chosen_on: test needs the test split") as error:
        fit(task, kind, chosen_on="test")
    assert "\n" not in str(error.value)
