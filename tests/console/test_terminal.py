"""One process at a time draws on a terminal."""

import io
import os
import pty

import pytest

from snakemake_logger_plugin_crossmodal.terminal import own_terminal


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        yield stream
    os.close(master)


def test_the_first_process_has_the_terminal(terminal) -> None:
    first = own_terminal(terminal)
    assert first is not None
    assert own_terminal(terminal) is None, "taken"
    os.close(first)
    again = own_terminal(terminal)
    assert again is not None
    os.close(again)


def test_what_cannot_be_drawn_on_is_none(terminal, monkeypatch, tmp_path) -> None:
    assert own_terminal(io.StringIO()) is None
    with (tmp_path / "log").open("w") as file:
        assert own_terminal(file) is None
    monkeypatch.setenv("TERM", "dumb")
    assert own_terminal(terminal) is None
