"""Where training draws from: one stream a purpose and epoch, so that an epoch can be repeated on its own."""

from enum import IntEnum

import numpy as np
from torch import Generator


class Stream(IntEnum):
    """What is drawn; the number is part of the seed."""

    ORDER = 0
    AUGMENTATION = 1
    ATTACK = 2
    MODEL = 3


def derive_seed(seed: int, epoch: int, stream: Stream, process: int = 0) -> int:
    """Return the 63-bit seed of `stream` in `epoch` of a run with `seed`; each process draws its own."""
    entropy = [seed, epoch, stream, process] if process else [seed, epoch, stream]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return int(state) >> 1


def make_generator(seed: int, epoch: int, stream: Stream, device: str = "cpu", process: int = 0) -> Generator:
    """Return a generator on `device` for `stream` in `epoch` of a run with `seed`, in one of its processes."""
    return Generator(device).manual_seed(derive_seed(seed, epoch, stream, process))
