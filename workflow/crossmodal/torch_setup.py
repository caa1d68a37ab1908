"""What makes torch bit-identical from run to run on the CPU, and where it computes.

Apart from `determinism`, which every job runs: a job without torch does not depend on its version.
"""

import torch


def prepare_torch(threads: int, seed: int) -> None:
    """Fix torch's threads and seed and ask for deterministic algorithms; call it in jobs that use torch."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())


def device() -> str:
    """Return the device to compute on: "cuda" where there is one, else "cpu". Not part of any spec."""
    return "cuda" if torch.cuda.is_available() else "cpu"
