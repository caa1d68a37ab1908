"""The processes of one job, as torchrun starts them: who is first, what they tell each other, how one fails."""

import os
import sys
from typing import NoReturn


def is_one() -> bool:
    """Return whether this process is one of several that `crossmodal.jobs.torchrun` started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_first() -> bool:
    """Return whether this process is the one that writes: the only one, or number 0."""
    return not is_one() or os.environ["RANK"] == "0"


def join() -> None:
    """Wait for the others."""
    from crossmodal.training.distributed import start

    start()


def tell(done: bool = False) -> bool:
    """Return in every process whether the first one has found the job done."""
    if not is_one():
        return done
    from crossmodal.training.distributed import tell

    return bool(tell(done))


def fail(error: Exception) -> NoReturn:
    """End this process, and leave `error` where torchrun looks for it; the others are ended by torchrun."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    get_error_handler().record_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)  # taking the process group apart would wait for the others
