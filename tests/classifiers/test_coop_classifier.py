"""CoOp: it starts as its phrase, learns, and reaches the vectors alone; in both kinds of text tower."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from crossmodal.adaptation import methods
from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.classifiers.base import Task
from crossmodal.classifiers.prompt_encoder import TowerEncoder
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.class_prompts import class_embeddings
from crossmodal.registry import parse
from few_shot_tasks import fit, make_task, queries

PHRASE = "an icon of a"


@pytest.fixture(params=["nano", "bert_towers"])
def model(request: pytest.FixtureRequest) -> CLIP:
    return request.getfixturevalue(request.param)


@pytest.fixture
def prompted(model: CLIP, names: list[str]) -> Callable[..., Task]:
    """Returns a task in the model's joint space, whose classes are those of `names` as they are in PHRASE."""

    def build(**values) -> Task:
        task = make_task(classes=len(names), size=clip.embedding_size(model), **values)
        texts = torch.from_numpy(class_embeddings(model, names, [PHRASE + " {}"], 4))
        encode = TowerEncoder(model, names)
        return replace(task, texts=texts, classes=names, encode=encode, shots=values.get("shots", 8))

    return build


def test_untrained_it_is_zero_shot_with_the_phrase(prompted) -> None:
    task = prompted()
    start = task.encode(task.encode.start(TextPromptParameters(phrase=PHRASE), torch.Generator()))
    torch.testing.assert_close(start, task.texts, atol=1e-5, rtol=0)
    found = fit(task, "coop", steps=2, learning_rate=1e-12)
    zero_shot = fit(task, "zero_shot").logits(queries(task))
    torch.testing.assert_close(found.logits(queries(task)), zero_shot, atol=1e-3, rtol=0)


def test_it_learns_vectors_and_nothing_else(prompted, model) -> None:
    task = prompted(noise=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = fit(task, "coop", steps=12, every=3, learning_rate=0.05, length=3)
    width = model.text.transformer.config.hidden_size if hasattr(model, "text") else 64
    assert found.parameters == found.stored == 3 * width
    assert len(found.losses) == 4 and found.losses[-1] < found.losses[0]
    assert found.chosen["step"] in (0, 3, 6, 9, 12)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    again = fit(task, "coop", steps=12, every=3, learning_rate=0.05, length=3)
    assert again.losses == found.losses
    assert torch.equal(again.logits(queries(task)), found.logits(queries(task)))


def test_classes_are_encoded_each_by_itself(prompted, model, names) -> None:
    """In whatever group and order."""
    task = prompted()
    vectors = task.encode.start(TextPromptParameters(init="normal"), torch.Generator().manual_seed(1))
    assert vectors.std() == pytest.approx(0.02, rel=0.3)
    together = task.encode(vectors)
    for row, name in zip(together, names, strict=True):
        torch.testing.assert_close(TowerEncoder(model, [name])(vectors)[0], row, atol=1e-5, rtol=0)
    back = TowerEncoder(model, names[::-1])(vectors)
    torch.testing.assert_close(back.flip(0), together, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("steps", "every", "batch_size", "looks"), [(7, 3, 6, 3), (1, 5, None, 1), (10, 5, 256, 2), (4, 1, 19, 4)]
)
def test_steps_are_counted_whatever_the_images(prompted, steps, every, batch_size, looks) -> None:
    found = fit(prompted(), "coop", steps=steps, every=every, batch_size=batch_size, learning_rate=1e-4)
    assert len(found.losses) == looks and found.chosen["step"] <= steps


@pytest.mark.parametrize(("shots", "steps"), [(16, 20), (8, 20), (4, 10), (2, 10), (1, 5)])
def test_with_fewer_images_it_takes_fewer_steps(prompted, shots, steps) -> None:
    """As the paper: 200 with 8 or 16 images of each class, 100 with 2 or 4, 50 with one."""
    found = fit(prompted(shots=shots), "coop", steps=20, every=1)
    assert len(found.losses) == steps and found.chosen["step"] <= steps


def test_what_cannot_be_is_one_line(task, nano, names) -> None:
    with pytest.raises(UserError, match=r"^coop: needs the text tower, which this task does not hand over$"):
        fit(task, "coop")
    adapted = deepcopy(nano)
    methods.attach(adapted, parse("adaptation", {"kind": "coop"}), seed=0)
    with pytest.raises(UserError, match=r"^coop: the model has learnt prompts already"):
        TowerEncoder(adapted, names)
    with pytest.raises(UserError, match=r"^coop: a prompt of 40 vectors"):
        fit(replace(task, encode=TowerEncoder(nano, names)), "coop", length=40)
