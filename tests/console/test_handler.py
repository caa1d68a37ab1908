"""The plugin as Snakemake sees it."""

import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from snakemake_logger_plugin_crossmodal import LogHandler
from snakemake_logger_plugin_crossmodal.console import Console

QUIET = {"dryrun": False, "quiet": None, "verbose": False, "debug_dag": False, "printshellcmds": False}


def handler(**settings: object) -> LogHandler:
    return LogHandler(SimpleNamespace(**QUIET | {"nocolor": True} | settings), None)


def test_snakemake_finds_it() -> None:
    plugin = LoggerPluginRegistry().get_plugin("crossmodal")
    assert plugin.log_handler is LogHandler and plugin.settings_cls is None


def test_importing_it_is_cheap() -> None:
    """Snakemake imports it at every start, also where it is not used."""
    code = "import snakemake_logger_plugin_crossmodal, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"rich", "pandas", "torch", "numpy", "pydantic", "snakemake", "crossmodal"}
    assert heavy.isdisjoint(loaded.split())


@pytest.mark.parametrize("asked", sorted(QUIET))
def test_snakemakes_own_handler_is_used_where_other_words_are_asked_for(asked: str) -> None:
    assert not handler(**{asked: True}).writes_to_stream
    assert handler().writes_to_stream


def test_a_fault_of_the_display_loses_no_error(monkeypatch, capsys) -> None:
    shown = handler()
    shown.setFormatter(logging.Formatter("%(message)s"))

    def show(self, record):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Console, "show", show)
    shown.emit(logging.makeLogRecord({"event": LogEvent.WORKFLOW_STARTED, "msg": "started"}))
    shown.emit(logging.makeLogRecord({"levelno": logging.ERROR, "msg": "no space left"}))
    shown.emit(logging.makeLogRecord({"levelno": logging.ERROR, "msg": "still none"}))
    shown.close()
    said = capsys.readouterr().err.splitlines()
    assert said == ["no display of the run: ZeroDivisionError('a bug')", "no space left", "still none"]
