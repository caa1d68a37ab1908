"""What makes a CPU job bit-identical from run to run: one seed, a fixed thread count, exact algorithms."""

import os
import random


def prepare(threads: int, seed: int) -> None:
    """Fix the number of threads and every seed of this process. Call it before numpy or torch are used.

    The thread count is part of the spec because sums over a different number of threads differ in their
    last bits.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
