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


def derive_seed(seed: int, epoch: int, stream: Stream) -> int:
    """Return the 63-bit seed of `stream` in `epoch` of a run with `seed`."""
    state = np.random.SeedSequence([seed, epoch, stream]).generate_state(1, np.uint64)[0]
    return int(state) >> 1


def make_generator(seed: int, epoch: int, stream: Stream, device: str = "cpu") -> Generator:
    """Return a generator on `device` for `stream` in `epoch` of a run with `seed`."""
    return Generator(device).manual_seed(derive_seed(seed, epoch, stream))
