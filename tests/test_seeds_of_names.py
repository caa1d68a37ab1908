"""Seeds that follow from names differ where a generator looks."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.seeds import seed_of

PARTS = st.lists(st.integers(0, 2**40) | st.sampled_from(["again", "choice"]), min_size=1, max_size=3)


def draws(seed: int) -> list[float]:
    return torch.rand(8, generator=torch.Generator().manual_seed(seed)).tolist()


@given(PARTS, PARTS)
def test_other_parts_draw_other_numbers(one: list[str | int], other: list[str | int]) -> None:
    assert (draws(seed_of(*one)) == draws(seed_of(*other))) == (list(map(str, one)) == list(map(str, other)))


def test_a_generator_sees_32_bits() -> None:
    """Why nothing may be told apart by what is added beyond them."""
    assert draws(7) == draws(7 + 2**32)
