"""SIGTERM ends training between two steps, with one line and the checkpoint kept."""

import os
import signal
import threading

import pytest

from crossmodal.errors import UserError
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.interruption import noticing_sigterm
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters


def train(model, folder, data, after_epoch=None):
    chosen = TrainingParameters(epochs=3, batch_size=8)
    return fit(
        model, data, None, chosen, 0, None, folder / "checkpoints", folder / "log.csv", "job", after_epoch
    )  # fmt: skip


def test_training_ends_with_one_line_and_goes_on_to_the_same_bits(tmp_path, tiny_clip, patterns):
    def terminate(epoch):
        if epoch.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(UserError) as error:
        train(tiny_clip(), tmp_path / "cut", patterns(), terminate)
    assert str(error.value) == "training: ended by SIGTERM after epoch 2, run again to go on"
    assert signal.getsignal(signal.SIGTERM) == before
    cut, whole, epochs = tiny_clip(), tiny_clip(), []
    train(cut, tmp_path / "cut", patterns(), lambda epoch: epochs.append(epoch.epoch))
    train(whole, tmp_path / "whole", patterns())
    assert epochs == [3] and fingerprint(cut.state_dict()) == fingerprint(whole.state_dict())


def test_it_is_noticed_in_the_main_thread_and_harmless_in_others():
    with noticing_sigterm() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupted()
    answers = []

    def elsewhere():
        with noticing_sigterm() as interrupted:
            answers.append(interrupted())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert answers == [False]
