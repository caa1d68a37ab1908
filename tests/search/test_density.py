"""Drawn vectors are like real ones: norms, spectrum, distances to neighbours, hubness, nearness to queries."""

from dataclasses import replace
from time import process_time

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.search.density import FEWEST, clustered, draw, fit_density, load_density, save_density
from crossmodal.search.density_checks import (
    differences,
    nearest_distances,
    occurrences,
    spectrum,
    summarise,
)


def drawings(n, d=48, latent=12, kinds=30, seed=0):
    """Return vectors as networks make them, float32 [n, d]: kinds of things, unequally many, on a surface."""
    shape = np.random.default_rng(1)
    first, second = shape.normal(size=(latent, 64)), shape.normal(size=(64, d))
    centres = 1.5 * shape.normal(size=(kinds, latent))
    generator = np.random.default_rng([2, seed])
    kind = generator.choice(kinds, size=n, p=shape.dirichlet(np.ones(kinds)))
    points = centres[kind] + 0.5 * generator.normal(size=(n, latent))
    vectors = np.tanh(points @ first / np.sqrt(latent)) @ second + 0.1 * generator.normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    return fit_density(drawings(6000), 0)


def test_what_is_drawn_is_like_what_no_density_has_seen(fitted):
    unseen, queries = drawings(6000, seed=1), drawings(200, seed=2)
    real = summarise(unseen, queries)
    drawn = summarise(draw(fitted, len(unseen), np.random.default_rng(3)), queries)
    close = {
        "norm": 1e-5, "nearest_5": 0.25, "nearest_50": 0.1, "nearest_95": 0.1, "tenth_50": 0.1,
        "dimensions_90": 0.1, "participation": 0.1, "local_dimension": 0.2, "hubs": 0.2, "query_1": 0.05,
        "query_10": 0.05,
    }  # fmt: skip
    for name, share in close.items():
        assert drawn[name] == pytest.approx(real[name], rel=share), name
    assert drawn["mean_product"] == pytest.approx(real["mean_product"], abs=0.02)
    assert drawn["hubness"] == pytest.approx(real["hubness"], abs=0.4)


def test_the_spectrum_is_kept_axis_by_axis(fitted):
    real = spectrum(drawings(6000, seed=1))
    drawn = spectrum(draw(fitted, 6000, np.random.default_rng(0)))
    assert np.abs(np.cumsum(real) - np.cumsum(drawn)).max() < 0.02


def test_many_of_one_vector_are_as_far_apart_as_as_many_real_ones():
    """The use that is made of it: a density of few vectors gives many."""
    whole = drawings(8000)
    few = fit_density(whole[:1000], 0)
    wanted = nearest_distances(whole, 1000)
    drawn = draw(few, 8000, np.random.default_rng(0))
    error = differences(wanted, nearest_distances(drawn, 1000))
    copies = differences(wanted, nearest_distances(np.resize(whole[:1000], whole.shape), 1000))
    assert error < 0.15 < 0.4 < copies


def test_moves_keep_mean_and_covariance_of_a_cluster():
    vectors = drawings(64, kinds=1)
    density = clustered(vectors, 0)
    assert len(density.starts) == 2
    for least in (0.1, 1.0):
        drawn = draw(replace(density, least=least), 60_000, np.random.default_rng(0))
        # Before vectors are scaled to unit length both are kept exactly; that moves them by little.
        assert np.abs(drawn.mean(axis=0) - vectors.mean(axis=0)).max() < 0.02
        wanted, got = np.cov(vectors.T, bias=True), np.cov(drawn.T, bias=True)
        assert np.linalg.norm(got - wanted) < 0.1 * np.linalg.norm(wanted)


def test_draws_follow_from_the_generator_and_the_file_holds_the_density(fitted, tmp_path):
    one, same, other = (draw(fitted, 50, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, same) and not np.allclose(one, other)
    save_density(tmp_path / "density.npz", fitted)
    read = load_density(tmp_path / "density.npz")
    assert read.least == fitted.least and np.array_equal(read.starts, fitted.starts)
    assert np.allclose(draw(read, 50, np.random.default_rng(5)), one, atol=2e-3)


def test_clusters_hold_every_vector_once_and_none_is_small(fitted):
    assert np.diff(fitted.starts).min() >= FEWEST
    assert fitted.starts[0] == 0 and fitted.starts[-1] == len(fitted.vectors)
    rows = {row.tobytes() for row in drawings(6000)}
    assert {row.tobytes() for row in fitted.vectors} == rows


def test_drawing_takes_a_fiftieth_of_a_millisecond():
    density = clustered(drawings(20_000, d=512), 0)
    draw(density, 1000, np.random.default_rng(0))
    start = process_time()
    draw(density, 65_536, np.random.default_rng(0))
    assert 65_536 / (process_time() - start) > 20_000, "a third of what a quiet core does at the least"


def test_too_few_vectors_and_a_broken_file_are_refused(tmp_path):
    with pytest.raises(UserError, match="needs 32 vectors"):
        fit_density(drawings(31), 0)
    path = tmp_path / "density.npz"
    path.write_bytes(b"PK nothing")
    with pytest.raises(UserError, match="no density"):
        load_density(path)


def test_nearest_distances_are_those_of_plain_comparison_and_leave_a_vector_itself_out():
    vectors = drawings(60)
    vectors[7] = vectors[3]
    plain = np.sort(np.linalg.norm(vectors[:20, None] - vectors[None], axis=2), axis=1)[:, 1:5]
    assert np.allclose(nearest_distances(vectors, 20, 4), plain, atol=2e-3)
    assert nearest_distances(vectors, 20, 4)[3, 0] == pytest.approx(0, abs=1e-3)


def test_occurrences_count_places_among_the_nearest():
    vectors = drawings(80)
    products = vectors @ vectors.T
    np.fill_diagonal(products, -np.inf)
    nearest = np.argsort(-products, axis=1)[:, :3]
    assert np.array_equal(occurrences(vectors, 3), np.bincount(nearest.ravel(), minlength=80))
