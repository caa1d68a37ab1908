"""Systems of a benchmark, each in a process and with an environment of its own."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from crossmodal.errors import UserError

HERE = Path(__file__).parent
ENVIRONMENTS = Path("build/benchmarks")


def environment(requirements: Path) -> Path:
    """Return the Python of an environment with what `requirements` lists, made now where there is none.

    It lies under build/ and is made anew where the list has changed. UserError where it cannot be installed.
    """
    folder = (ENVIRONMENTS / f"environment-{requirements.stem}").absolute()
    python, done = folder / "bin/python", folder / "installed"
    digest = sha256(requirements.read_bytes()).hexdigest()
    if not done.exists() or done.read_text() != digest:
        print(f"installing {requirements} into {folder}", file=sys.stderr)
        uv = [str(Path(sys.executable).with_name("uv"))]
        _run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        _run([*uv, "pip", "sync", "--quiet", "--python", str(python), str(requirements)])
        done.write_text(digest)
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:] or 'failed'}")


class Worker:
    """A system in a process of its own, which answers one command at a time."""

    def __init__(
        self, python: Path, script: str, system: str, threads: int, cores: set[int], log: Path
    ) -> None:
        """Start `system` of tests/benchmarks/`script` with `threads` threads on `cores`; it prints into `log`."""
        self.system = system
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        # PYTHONPATH of the project would lead the environment of a peer to the project's modules.
        kept = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
        }
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                [str(python), "-W", "ignore", str(HERE / script), system],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                env=kept | dict.fromkeys(names, str(threads)) | {"TQDM_DISABLE": "1"},
            )  # fmt: skip
        os.sched_setaffinity(self.process.pid, cores)
        self.log = log

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer to a command; UserError where the process fails or is gone."""
        assert self.process.stdin and self.process.stdout
        try:
            print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise UserError(f"{self.system}: ended with {self.process.wait()} at {do!r}, see {self.log}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise UserError(f"{self.system}: {do}: {answer['error']}, see {self.log}")
        return answer

    def close(self) -> None:
        """End the process and wait for it."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
