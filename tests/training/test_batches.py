"""Training sets from dataset files, the order of an epoch, augmentation."""

import io
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.models.clip import tokenize
from crossmodal.models.dual_encoder import to_pixels
from crossmodal.training.augmentation import augment
from crossmodal.training.batches import (
    TrainingSet,
    count_batches,
    epoch_batches,
    load_training_set,
    smallest_batch,
)
from crossmodal.training.randomness import Stream, derive_seed, make_generator
from crossmodal.training.settings import AugmentationParameters

NOTHING = AugmentationParameters(
    smallest_scale=1.0, largest_scale=1.0, shift=0.0, brightness=0.0, contrast=0.0
)


def png(value):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (value, value, value)).save(buffer, format="PNG")
    return buffer.getvalue()


def test_files_become_one_set_with_common_labels(tmp_path, tiny_clip):
    model = tiny_clip()
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_examples(
        first,
        [
            Example("1", png(10), "1", ["cat", "a cat"], "cat", "g", "s"),
            Example("2", png(20), "2", [], "dog", "g", "s"),
            Example("3", png(30), "3", ["dog"], "dog", "g", "s"),
        ],
    )
    write_examples(second, [Example("4", png(40), "4", ["kitten", "puss", "cat"], "cat", "g", "t")])
    data = load_training_set(model, [first, second])
    assert data.images.shape == (3, 16, 16, 3) and data.images.dtype == torch.uint8
    assert data.images[:, 0, 0, 0].tolist() == [10, 30, 40]
    assert data.owners.tolist() == [0, 0, 1, 2, 2, 2]
    assert data.labels.tolist() == [0, 1, 0]
    assert torch.equal(data.tokens.long(), tokenize(model, ["cat", "a cat", "dog", "kitten", "puss", "cat"]))


def test_nothing_to_train_on_is_an_error(tmp_path, tiny_clip):
    path = tmp_path / "none.parquet"
    write_examples(path, [])
    with pytest.raises(UserError, match=r"none\.parquet"):
        load_training_set(tiny_clip(), [path])


@settings(max_examples=40)
@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    batch_size=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_an_epoch_shows_each_image_once_with_an_own_caption(counts, batch_size, seed):
    owners = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    data = TrainingSet(
        images=torch.arange(len(counts), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 2, 2, 3),
        tokens=owners.to(torch.int32).unsqueeze(1),  # the token of a caption tells its image
        owners=owners,
        labels=torch.arange(len(counts)),
    )
    batches = list(epoch_batches(data, batch_size, torch.Generator().manual_seed(seed)))
    assert len(batches) == count_batches(len(data), batch_size)
    sizes = [len(batch.labels) for batch in batches]
    assert max(sizes) <= batch_size and max(sizes) - min(sizes) <= 1
    assert min(sizes) == smallest_batch(len(data), batch_size)
    assert sorted(torch.cat([b.labels for b in batches]).tolist()) == list(range(len(counts)))
    for batch in batches:
        assert torch.equal(batch.images[:, 0, 0, 0].long(), batch.labels)
        assert torch.equal(batch.tokens[:, 0], batch.labels)


@pytest.mark.parametrize("parts", [2, 3])
def test_the_parts_of_a_batch_are_the_batch_and_are_augmented_alike(patterns, parts):
    data, params = patterns(), AugmentationParameters()

    def epoch(part, parts):
        order, draws = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
        batches = list(epoch_batches(data, 5, order, part, parts))
        return batches, [augment(b.images, params, draws, b.first, b.pairs) for b in batches]

    whole, pixels = epoch(0, 1)
    split = [epoch(part, parts) for part in range(parts)]
    for i, batch in enumerate(whole):
        own = [batches[i] for batches, _ in split]
        assert [b.pairs for b in own] == [batch.pairs] * parts == [len(batch.labels)] * parts
        assert torch.equal(torch.cat([b.tokens for b in own]), batch.tokens)
        assert torch.equal(torch.cat([b.labels for b in own]), batch.labels)
        assert torch.equal(torch.cat([augmented[i] for _, augmented in split]), pixels[i])


def test_captions_are_drawn_evenly():
    data = TrainingSet(
        images=torch.zeros(500, 1, 1, 3, dtype=torch.uint8),
        tokens=torch.arange(3, dtype=torch.int32).repeat(500).unsqueeze(1),
        owners=torch.arange(500).repeat_interleave(3),
        labels=torch.arange(500),
    )
    seen = Counter()
    for epoch in range(6):
        for batch in epoch_batches(data, 100, make_generator(0, epoch, Stream.ORDER)):
            seen.update(batch.tokens[:, 0].tolist())
    assert all(abs(count - 1000) < 110 for count in seen.values())


def test_streams_differ_by_seed_epoch_and_purpose():
    seeds = {
        derive_seed(s, e, stream, process)
        for s in range(3) for e in range(3) for stream in Stream for process in range(2)
    }  # fmt: skip
    assert len(seeds) == 3 * 3 * len(Stream) * 2


def test_augmentation_of_nothing_changes_nothing(patterns):
    images = patterns().images
    pixels = to_pixels(images)
    assert torch.equal(augment(images, None, torch.Generator()), pixels)
    torch.testing.assert_close(augment(images, NOTHING, torch.Generator()), pixels, atol=1e-5, rtol=0)


@settings(max_examples=25)
@given(
    scales=st.tuples(st.floats(0.3, 1.5), st.floats(0.3, 1.5)).map(sorted),
    shift=st.floats(0, 1),
    jitter=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 99),
)
def test_augmented_pixels_are_pixels_and_repeatable(patterns, scales, shift, jitter, seed):
    params = AugmentationParameters(
        smallest_scale=scales[0], largest_scale=scales[1], shift=shift,
        brightness=jitter[0], contrast=jitter[1],
    )  # fmt: skip
    images = patterns().images
    pixels = augment(images, params, torch.Generator().manual_seed(seed))
    assert pixels.shape == (24, 3, 16, 16) and pixels.dtype == torch.float32
    assert pixels.min() >= 0 and pixels.max() <= 1
    assert torch.equal(pixels, augment(images, params, torch.Generator().manual_seed(seed)))


def test_zoom_shift_and_jitter_do_what_they_say():
    ramp = torch.arange(64, dtype=torch.uint8).mul(4).view(1, 1, 64, 1).expand(200, 64, 64, 3)
    g = torch.Generator()
    half = AugmentationParameters(
        smallest_scale=0.5, largest_scale=0.5, shift=0.0, brightness=0.0, contrast=0.0
    )
    inner = augment(ramp[:1], half, g.manual_seed(0))[0, 0, 0]
    assert inner[0] == pytest.approx(64 / 255, abs=0.01) and inner[-1] == pytest.approx(188 / 255, abs=0.01)
    moved = augment(ramp, NOTHING.model_copy(update={"shift": 0.25}), g)[:, 0, 32, 32] * 255 / 4
    assert moved.min() == pytest.approx(16, abs=1) and moved.max() == pytest.approx(48, abs=1)
    flat = torch.full((200, 4, 4, 3), 100, dtype=torch.uint8)
    bright = augment(flat, NOTHING.model_copy(update={"brightness": 0.5}), g)[:, 0, 0, 0] * 255
    assert bright.min() == pytest.approx(50, abs=2) and bright.max() == pytest.approx(150, abs=2)
    same = augment(flat, NOTHING.model_copy(update={"contrast": 0.5}), g) * 255
    torch.testing.assert_close(same, torch.full_like(same, 100), atol=1e-3, rtol=0)
    spread = augment(ramp, NOTHING.model_copy(update={"contrast": 0.5}), g).std(dim=(1, 2, 3))
    assert spread.max() / spread.min() > 2
