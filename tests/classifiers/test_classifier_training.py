"""Which images a step takes, and which epoch is kept."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.classifiers.base import Split
from crossmodal.classifiers.training import draw_batches, train


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 3), st.none() | st.integers(1, 10))
def test_an_epoch_takes_every_image_once(n, views, epochs, batch_size) -> None:
    split = Split(torch.zeros(n, views, 2), torch.zeros(n, dtype=torch.int64))
    drawn = draw_batches(split, epochs, batch_size, torch.Generator().manual_seed(n))
    assert len(drawn) == epochs
    for batches in drawn:
        assert sorted(torch.cat([batch.rows for batch in batches]).tolist()) == list(range(n))
        assert len(batches) == math.ceil(n / (batch_size or n))
        assert all(0 <= view < views for batch in batches for view in batch.views.tolist())
        assert all(len(batch.rows) == len(batch.views) for batch in batches)


def steps_of(values: list[float], decide: bool) -> tuple[float, int, tuple[float, ...]]:
    """Train one number towards 10 by whole steps; return where it ends, the epoch and the losses.

    After epoch k the logits of the image that decides are (0, `values`[k]), its label 1.
    """
    split = Split(torch.zeros(4, 1, 2), torch.zeros(4, dtype=torch.int64))
    x, looks = torch.nn.Parameter(torch.zeros(())), iter(values)
    found = train(
        torch.optim.SGD([x], lr=1.0),
        draw_batches(split, len(values) - 1, 2, torch.Generator()),
        lambda batch: -x,
        (lambda: torch.tensor([[0.0, next(looks)]]), torch.tensor([1])) if decide else None,
    )
    return float(x.detach()), *found


def test_the_best_epoch_is_kept() -> None:
    rates = [(1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)]
    after = [sum(rates[: 2 * epoch]) for epoch in range(4)]
    for values, epoch in (
        ([1, 2, 3, 4], 3), ([1, 3, 2, 3], 1), ([5, 3, 2, 3], 0), ([-1, 0.5, 0.5, -2], 1), ([-1, -2, 0.1, 4], 3),
    ):  # fmt: skip
        end, kept, losses = steps_of(values, decide=True)
        assert kept == epoch and end == pytest.approx(after[epoch], abs=1e-6)
        assert losses == pytest.approx(
            [-sum(sum(rates[:s]) for s in (2 * e, 2 * e + 1)) / 2 for e in range(3)]
        )
    end, kept, _ = steps_of([9, 0, 0, 0], decide=False)
    assert kept == 3 and end == pytest.approx(after[3], abs=1e-6)
