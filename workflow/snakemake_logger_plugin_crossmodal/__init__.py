"""Snakemake's messages for people: what runs, what is done, and how long it still takes.

A logger plugin of Snakemake, used where a profile says `logger: crossmodal`. Snakemake imports it at every
start, so this module imports next to nothing; a run that begins loads the rest.
"""

import logging
import sys
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from snakemake_logger_plugin_crossmodal.console import Console

__all__ = ["LogHandler"]

BEFORE_A_RUN = "Assuming unrestricted shared filesystem usage."
"""Said before Snakemake tells that it is going to run something."""


class LogHandler(LogHandlerBase):
    """Shows a run of jobs; all else, and what goes wrong here, is shown as Snakemake does without it."""

    def __post_init__(self) -> None:
        asked = self.common_settings
        self._aside = bool(
            asked.dryrun or asked.quiet or asked.verbose or asked.debug_dag or asked.printshellcmds
        )
        """Whether someone wants a dry run, or other words than usual: Snakemake's own."""
        self._console: Console | None = None
        self._default: logging.Handler | None = None

    @property
    def writes_to_stream(self) -> bool:
        """Where this is false, Snakemake adds its own handler."""
        return not self._aside

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return False

    @property
    def has_formatter(self) -> bool:
        return False

    @property
    def needs_rulegraph(self) -> bool:
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        if self._aside:
            return
        try:
            if self._shown(record):
                return
        except Exception as error:
            # This is the one thread that shows messages: were it to end, the errors to come would be lost.
            self._console = None
            self._show_by_default(_warning(f"no display of the run: {error!r}"))
        self._show_by_default(record)

    def close(self) -> None:
        """Say what the run came to."""
        console, self._console = self._console, None
        if console:
            console.close()
        super().close()

    def _shown(self, record: logging.LogRecord) -> bool:
        """Show a record if it is part of a run and return whether it is."""
        event = getattr(record, "event", None)
        if event == LogEvent.WORKFLOW_STARTED and not _is_touch(record):
            from snakemake_logger_plugin_crossmodal.console import Console

            self._console = Console(record, nocolor=self.common_settings.nocolor)
            return True
        if self._console is None:
            return record.msg == BEFORE_A_RUN
        return self._console.show(record)

    def _show_by_default(self, record: logging.LogRecord) -> None:
        if self._default is None:
            from snakemake.logging import ColorizingTextHandler

            self._default = ColorizingTextHandler(
                nocolor=self.common_settings.nocolor, stream=sys.stderr, formatter=self.formatter
            )
        self._default.emit(record)


def _warning(text: str) -> logging.LogRecord:
    return logging.LogRecord("snakemake", logging.WARNING, "", 0, text, (), None)


def _is_touch(record: logging.LogRecord) -> bool:
    """Return whether Snakemake was told to run nothing and only to mark files as up to date."""
    return not {"--touch", "-t"}.isdisjoint(str(getattr(record, "cmd", "")).split())
