"""Seeds that follow from names: one run's random numbers apart from another's."""

from hashlib import sha256

BITS = 32
"""PyTorch's generator on a CPU looks at no more bits of a seed: 0 and 2**32 draw the same."""


def seed_of(*parts: str | int) -> int:
    """Return a seed of 32 bits that follows from `parts`; other parts give another, but for chance."""
    digest = sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[: BITS // 8], "big")
