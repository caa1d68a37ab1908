"""A method's own part in each step: a penalty in the loss, a look at the gradients after it."""

import pytest
import torch

from crossmodal.adaptation.hooks import Hooks
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.loop import fit
from crossmodal.training.optimiser import trainable
from crossmodal.training.settings import TrainingParameters

PLAIN = {"max_gradient_norm": None, "augmentation": None, "batch_size": 8}


def train(model, folder, data, hooks, **changes):
    chosen = TrainingParameters.model_validate({"epochs": 1} | PLAIN | changes)
    fit(
        model, data, None, chosen, 0, None, folder / "checkpoints", folder / "log.csv", "job", hooks=hooks
    )  # fmt: skip


def squares(model):
    return sum(p.square().sum() for p in trainable(model).values())


@pytest.mark.parametrize("changes", [{}, {"gradient_accumulation": 3}, {"forward_chunk": 3}])
def test_the_penalty_is_added_once_a_step(tmp_path, tiny_clip, patterns, changes):
    first = {}
    for name, penalty in (("without", None), ("with", lambda model: 0.1 * squares(model))):

        def keep(model, step, _steps, name=name):
            if step == 0:
                first[name] = {key: p.grad.clone() for key, p in trainable(model).items()}

        train(tiny_clip(), tmp_path / name, patterns(), Hooks(penalty, keep), **changes)
    for key, start in trainable(tiny_clip()).items():
        difference = first["with"][key] - first["without"][key]
        torch.testing.assert_close(difference, 0.2 * start.detach(), atol=1e-6, rtol=1e-4)


def test_after_each_step_the_parameters_have_moved_and_gradients_are_there(tmp_path, tiny_clip, patterns):
    model, calls = tiny_clip(), []

    def look(given, step, steps):
        assert given is model and all(p.grad is not None for p in trainable(model).values())
        calls.append((step, steps, fingerprint(model.state_dict())))

    start = fingerprint(model.state_dict())
    train(model, tmp_path, patterns(), Hooks(after_step=look), epochs=2, gradient_accumulation=2)
    assert [call[:2] for call in calls] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert len({start, *(call[2] for call in calls)}) == 5


def test_only_an_epoch_that_may_be_the_result_is_taken(tmp_path, tiny_clip, patterns):
    """Nor does patience end a run before there is one."""
    data, asked = patterns(), []

    def selectable(step, steps):
        asked.append((step, steps))
        return step >= 15

    chosen = TrainingParameters.model_validate(
        {"epochs": 5, "learning_rate": 1e-9, "early_stopping_patience": 1} | PLAIN
    )
    histories = [
        fit(
            tiny_clip(), data, data, chosen, 0, None, tmp_path / name, tmp_path / f"{name}.csv", "job",
            hooks=hooks,
        )
        for name, hooks in (("with", Hooks(selectable=selectable)), ("without", Hooks()))
    ]  # fmt: skip
    assert asked == [(0, 15), (3, 15), (6, 15), (9, 15), (12, 15), (15, 15)]
    assert histories[0].best_epoch == 5
    assert histories[1].stopped_early and histories[1].best_epoch < 5


def test_what_a_hook_remembers_in_buffers_is_part_of_the_checkpoint(tmp_path, tiny_clip, patterns):
    def build():
        model = tiny_clip()
        model.register_buffer("seen", torch.zeros(()))
        return model

    class Cut(Exception):
        pass

    def cut(_epoch):
        raise Cut

    def count(model, _step, _steps):
        model.seen += 1

    hooks, chosen = Hooks(after_step=count), TrainingParameters.model_validate({"epochs": 2} | PLAIN)
    paths = tmp_path / "checkpoints", tmp_path / "log.csv", "job"
    with pytest.raises(Cut):
        fit(build(), patterns(), None, chosen, 0, None, *paths, cut, hooks)
    model = build()
    fit(model, patterns(), None, chosen, 0, None, *paths, hooks=hooks)
    assert int(model.seen) == 6
