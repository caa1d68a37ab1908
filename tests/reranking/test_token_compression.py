"""The compression is the principal components of the images' states, and what it drops is least."""

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.reranking.token_compression import fit_compression, load_compression, save_compression


@pytest.fixture
def states():
    rng = np.random.default_rng(0)
    spread = np.linspace(3, 0.1, 12)
    images = (rng.normal(size=(80, 4, 12)) * spread + 5).astype(np.float32)
    return images, (rng.normal(size=(60, 12)) * spread - 2).astype(np.float32)


def test_it_equals_the_singular_vectors_and_has_unit_scale(states):
    images, words = states
    found = fit_compression(np.array_split(images, 7), np.array_split(words, 3), 5)
    flat = images.reshape(-1, 12)
    _, _, axes = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    overlap = np.abs(np.sum(axes[:5].T * found.components, axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-3)
    np.testing.assert_allclose(found.components.T @ found.components, np.eye(5), atol=1e-5)
    for compressed in (found.images(images), found.words(words)):
        assert np.sqrt(np.mean(compressed**2)) == pytest.approx(1, abs=1e-3)
        assert np.abs(compressed.reshape(-1, 5).mean(axis=0)).max() < 1e-3


def test_with_all_components_inner_products_are_those_of_the_joint_space(states):
    images, words = states
    found = fit_compression([images], [words], 12)
    kept = found.images(images) @ found.words(words).T * found.image_scale * found.text_scale
    np.testing.assert_allclose(
        kept, (images - found.image_mean) @ (words - found.text_mean).T, rtol=1e-3, atol=1e-2
    )


def test_it_is_the_same_from_run_to_run_and_when_read_back(states, tmp_path):
    images, words = states
    first, second = (fit_compression([images], [words], 3) for _ in range(2))
    save_compression(first, tmp_path / "c.safetensors")
    for one in (second, load_compression(tmp_path / "c.safetensors")):
        for mine, others in zip(first, one, strict=True):
            np.testing.assert_array_equal(mine, others)


def test_what_cannot_be_fitted_or_read_is_one_line(states, tmp_path):
    images, words = states
    with pytest.raises(UserError, match="width 13 is above the 12 dimensions"):
        fit_compression([images], [words], 13)
    with pytest.raises(UserError, match="no captions"):
        fit_compression([images], [], 3)
    path = tmp_path / "c.safetensors"
    with pytest.raises(UserError, match="no such token compression"):
        load_compression(path)
    path.write_bytes(b"x")
    with pytest.raises(UserError, match="not a token compression"):
        load_compression(path)
    save_compression(fit_compression([images], [words], 3)._replace(text_mean=np.zeros(4, np.float32)), path)
    with pytest.raises(UserError, match="shapes differ"):
        load_compression(path)
