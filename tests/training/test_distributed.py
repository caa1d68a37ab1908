"""Two processes that share each batch do what one process does with the whole batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent))
import shared_batches
from shared_batches import (
    ADVERSARY,
    FARE,
    attacked,
    gradients,
    make_model,
    run,
    run_alignment,
    run_distillation,
    step_gradients,
)

from crossmodal.errors import UserError
from crossmodal.training import distributed
from crossmodal.training.step import batch_loss, prepare


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return a function that gives the tensors of a case from both of two processes."""
    folder = tmp_path_factory.mktemp("pair")
    processes = [
        subprocess.Popen(
            [sys.executable, shared_batches.__file__, str(rank), str(folder / "store"), str(folder)],
            stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)

    def tensors(name):
        return [load_file(folder / f"{name}-{rank}.safetensors") for rank in range(2)]

    tensors.folder, tensors.errors = folder, errors
    return tensors


def assert_equal(got, expected, tolerance):
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        difference = float((got[name] - tensor).abs().max())
        assert difference <= tolerance * max(1.0, float(tensor.abs().max())), (name, difference)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("case", ["{}", "{}-chunk"])
def test_loss_and_every_gradient_are_those_of_the_whole_batch(pair, method, case):
    expected = step_gradients(method)
    assert len(expected) >= 5 and all(tensor.abs().max() > 0 for tensor in expected.values())
    for got in pair(case.format(method)):
        assert_equal(got, expected, 1e-5)


@pytest.mark.slow
def test_each_process_attacks_its_own_part_and_the_loss_is_that_of_all(pair):
    model = make_model("full")
    parts = [attacked(model, ADVERSARY, part, 2) for part in range(2)]
    pixels = torch.cat([prepared.pixels for _, prepared in parts])
    delta = torch.cat([prepared.delta for _, prepared in parts])
    labels = torch.cat([batch.labels for batch, _ in parts])
    whole = prepare(pixels, labels)._replace(delta=delta)
    loss = batch_loss(model, whole, torch.cat([batch.tokens for batch, _ in parts]))
    loss.backward()
    for got in pair("attacked"):
        assert_equal(got, gradients(model, loss), 1e-5)


@pytest.mark.slow
def test_a_loss_that_is_a_mean_over_images_is_one_over_the_images_of_all(pair):
    model = make_model("full")
    parts = [attacked(model, FARE, part, 2) for part in range(2)]
    sizes = [len(batch.labels) for batch, _ in parts]
    losses = [batch_loss(model, prepared, batch.tokens) for batch, prepared in parts]
    loss = sum(size * loss for size, loss in zip(sizes, losses, strict=True)) / sum(sizes)
    loss.backward()
    for got in pair("fare-chunk"):
        assert_equal(got, gradients(model, loss), 1e-5)


@pytest.mark.slow
def test_two_epochs_end_with_the_weights_of_one_process(pair, tmp_path):
    for name, method, changes in (("fit", "full", {}), ("fit-lora", "lora", {"gradient_accumulation": 2})):
        expected = run(tmp_path / name, method, **changes)
        start = make_model(method).state_dict()
        assert max(float((expected[key] - start[key]).abs().max()) for key in start) > 1e-3
        first, second = pair(name)
        assert_equal(first, expected, 1e-4)
        assert_equal(second, first, 0)


@pytest.mark.slow
def test_a_run_of_two_processes_resumes_to_the_same_bits_and_one_writes(pair):
    for resumed, whole in zip(pair("resumed"), pair("fit"), strict=True):
        assert_equal(resumed, whole, 0)
    files = sorted(path.name for path in (pair.folder / "cut/checkpoints").iterdir())
    assert files == ["epoch-00001.safetensors", "epoch-00002.safetensors"]
    assert len((pair.folder / "cut/log.csv").read_text().splitlines()) == 4  # titles, start, two epochs
    assert "epoch 1/2" in pair.errors[0] and pair.errors[1] == ""


@pytest.mark.slow
def test_of_two_processes_one_aligns_and_both_have_the_result(pair, tmp_path):
    expected = run_alignment(tmp_path)
    for got in pair("aligned"):
        assert_equal(got, expected, 0)
    assert len((pair.folder / "aligned/log.csv").read_text().splitlines()) == 4


@pytest.mark.slow
def test_two_processes_distil_as_one_does(pair, tmp_path):
    expected = run_distillation(tmp_path)
    first, second = pair("distilled")
    assert_equal(first, expected, 1e-4)
    assert_equal(second, first, 0)
    assert len((pair.folder / "distilled/log.csv").read_text().splitlines()) == 4


def test_one_process_alone_gathers_and_averages_nothing():
    features = torch.randn(3, 2, requires_grad=True)
    assert distributed.gather(features) is features
    assert distributed.tell({"epoch": 1}) == {"epoch": 1}
    assert (distributed.rank(), distributed.count()) == (0, 1)


def test_training_that_wants_more_processes_than_run_does_not_start(tmp_path):
    with pytest.raises(UserError, match="processes is 2 and 1 run"):
        run(tmp_path, processes=2)
    assert not (tmp_path / "checkpoints").exists()


def test_processes_that_do_not_run_or_have_no_pair_are_one_line():
    with pytest.raises(UserError, match=r"processes is 2 and 1 run; start it by python -m crossmodal"):
        distributed.require(2, 100)
    distributed.require(1, 1)
    with pytest.raises(UserError, match="cannot share a batch of 0 pairs"):
        distributed.require(1, 0)
