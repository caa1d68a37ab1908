"""Where standard error is no terminal: a line for each job when it ends."""

from typing import TextIO

from snakemake_logger_plugin_crossmodal.run import Progress, Task
from snakemake_logger_plugin_crossmodal.text import about, duration, opening


class Lines:
    """Writes plain lines, in the order of what happens."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._opened = False

    def say(self, text: str, level: int) -> None:
        """Write a message."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def ended(self, task: Task, seconds: float, progress: Progress, now: float) -> None:
        """Write which job ended, how long it took, how many are done and what is left."""
        of = str(progress.total)
        estimate = about(progress.left(now)) if progress.done < progress.total else ""
        self.say(
            f"{progress.done:{len(of)}} of {of}  {task.name}: {duration(seconds)}"
            f"{estimate and f'; {estimate} left'}",
            0,
        )

    def update(self, progress: Progress) -> None:
        """Write how much there is to run, when it begins; nothing of what runs afterwards."""
        if not self._opened:
            self.say(opening(progress), 0)
            self._opened = True

    def close(self) -> None:
        """Nothing is held back."""
