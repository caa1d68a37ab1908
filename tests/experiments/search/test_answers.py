"""Answering in one gallery, against slow obvious code: orders, shares, expansion, and where ways are equal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.experiments.search.answer_queries import answer, depth_of
from crossmodal.experiments.search.answers import DEPTH, TOP, Place, without
from crossmodal.experiments.search.build_index import main as build_index
from crossmodal.experiments.search.names import read_way
from crossmodal.experiments.search.sources import Sources, found_by
from crossmodal.models.embeddings import Embeddings, read_embeddings, write_embeddings
from crossmodal.search.folder import read_items
from crossmodal.search.searcher import open_searcher

DIMENSION, IMAGES, CAPTIONS = 16, 120, 3
FLAT = {"kind": "flat"}
PQ = {"kind": "ivf_pq", "nlist": 4, "m": 4, "bits": 4, "refinement": {"precision": "float16"}}
FILES = (
    "index.faiss",
    "card.json",
    "points.json",
    "items.parquet",
    "vectors.npy",
    "vectors.scales.npy",
    "bias.npy",
)
VALUES: dict[str, Any] = {
    "target": "own", "sets": ["own", "web"], "galleries": [["mixed", [0, 1]]],
    "indexes": [["flat", FLAT], ["pq", PQ]],
    "stages": {
        "exact": {"kind": "exact", "candidates": 30}, "all": {"kind": "exact", "candidates": IMAGES},
        "csls": {"kind": "csls", "candidates": 30},
        "nnn": {"kind": "nnn", "candidates": 30, "k": 4, "weight": 0.0},
        "cache": {"kind": "cache", "candidates": 30, "alpha": 2.0, "beta": 5.5, "temperature": 0.1},
        "cache-chosen": {"kind": "cache", "candidates": 30},
    },
    "trained": [], "with_tokens": [], "asked": ["clean"], "candidates_of": "pq", "exhaustive": "flat",
    "expansion": {"indexes": ["pq"], "candidates": 20, "degree": 4, "found": 5},
}  # fmt: skip


def embeddings(path: Path, name: str, count: int, captions: int, seed: int) -> Path:
    """Write `count` images of unit length, or captions near to them, of one label each."""
    images = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    rows = np.repeat(np.arange(count), captions or 1)
    noise = np.random.default_rng(seed + 1).normal(size=(len(rows), DIMENSION)) if captions else 0
    vectors = (images[rows] + 0.8 * noise).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    owners = [f"{name}/{row}" for row in rows]
    ids = [f"{owner}#{i}" for i, owner in enumerate(owners)] if captions else owners
    write_embeddings(path, ids, owners, owners, vectors, {"model": "m", "dataset": name})
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    sizes = {"own": (IMAGES // 2, 1), "web": (IMAGES // 2, 2), "train": (60, 3), "val": (20, 4)}
    found = {}
    for name, (count, seed) in sizes.items():
        for side, captions in (("images", 0), ("captions", CAPTIONS)):
            found[f"{name}-{side}"] = embeddings(
                folder / f"{name}-{side}.parquet", name, count, captions, seed
            )
    return found


@pytest.fixture(scope="module")
def sources(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Sources:
    indexes = []
    for name, params in VALUES["indexes"]:
        folder = tmp_path_factory.mktemp(name)
        outputs = [folder / file for file in FILES]
        build_index(
            [], [files["own-images"], files["web-images"]], files["train-captions"], files["val-images"],
            files["val-captions"], *outputs,
            {"parameters": {"index": params, "target_recall": 0.95}, "seed": 3, "threads": 1},
        )  # fmt: skip
        indexes += outputs
    return Sources.read(
        VALUES, ["mixed"], indexes, [files["own-images"], files["web-images"]], files["train-images"],
        files["train-captions"], [files["val-images"], files["val-captions"]], [], [], [],
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(sources, "mixed", sources.validation_lists(0), tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def captions(files: dict[str, Path]) -> Embeddings:
    return read_embeddings(files["own-captions"])


def positions(place: Place, captions: Embeddings, way: str) -> np.ndarray:
    answering = place.answering(read_way(way), captions.vectors, "clean")
    return answering.order(found_by(answering.searcher, place.gallery, captions, DEPTH))


def exact_order(place: Place, captions: Embeddings) -> np.ndarray:
    return np.argsort(-(captions.vectors @ place.gallery.vectors.T), axis=1, kind="stable")


def test_a_flat_index_is_exhaustive_search(place: Place, captions: Embeddings) -> None:
    assert (positions(place, captions, "flat")[:, :TOP] == exact_order(place, captions)[:, :TOP]).all()


def test_with_every_item_among_the_candidates_exact_re_scoring_is_exhaustive_search(place, captions) -> None:
    everything = found_by(place.searchers["pq"], place.gallery, captions, IMAGES)
    assert (everything.positions >= 0).all(), "the index looks into all of its lists"
    order = place.answering(read_way("pq+all"), captions.vectors, "clean").order
    assert (order(everything)[:, :TOP] == exact_order(place, captions)[:, :TOP]).all()


def test_a_correction_of_weight_zero_is_exact_re_scoring(place: Place, captions: Embeddings) -> None:
    assert (positions(place, captions, "pq+nnn") == positions(place, captions, "pq+exact")).all()


@pytest.mark.parametrize("way", ["pq+refine", "pq+exact", "pq+csls", "pq+cache", "pq+expand"])
def test_stages_change_places_and_nothing_else(place: Place, captions: Embeddings, way: str) -> None:
    before, after = positions(place, captions, "pq"), positions(place, captions, way)
    for first, second in zip(before, after, strict=True):
        seen = second[second >= 0]
        assert len(set(seen)) == len(seen), "no item stands twice"
        if way != "pq+expand":
            assert sorted(first) == sorted(second)
    assert (before[:, :TOP] != after[:, :TOP]).any()


def test_refinement_takes_the_best_of_as_many_as_the_point_says(place: Place, captions: Embeddings) -> None:
    factor = place.searchers["pq"].point.k_factor
    assert factor > 1
    answering = place.answering(read_way("pq+refine"), captions.vectors, "clean")
    assert answering.candidates == int(np.ceil(TOP * factor)) and answering.part == "refine"
    first, after = positions(place, captions, "pq"), positions(place, captions, "pq+refine")
    exact = captions.vectors @ place.gallery.vectors.T
    for query in range(len(first)):
        head = first[query, : answering.candidates]
        best = head[np.argsort(-exact[query, head], kind="stable")][:TOP]
        np.testing.assert_allclose(exact[query, after[query, :TOP]], exact[query, best], atol=2e-3)


def test_expansion_scores_as_many_as_it_says_and_finds_others(place: Place, captions: Embeddings) -> None:
    limit = VALUES["expansion"]["candidates"]
    before, after = positions(place, captions, "pq")[:, : limit // 2], positions(place, captions, "pq+expand")
    new = [set(head) - set(old) for head, old in zip(after[:, :limit], before, strict=True)]
    assert any(new) and all(set(old) <= set(head) for head, old in zip(after[:, :limit], before, strict=True))


def test_what_is_found_of_exhaustive_search_is_counted(place: Place, captions: Embeddings) -> None:
    exact, threshold = exact_order(place, captions)[:, :TOP], place.exact(captions.vectors)
    for way in ("flat", "pq", "pq+expand"):
        found = positions(place, captions, way)
        share = place.found_share(captions.vectors, found, threshold)
        slow = [len(set(a[:TOP]) & set(b)) / TOP for a, b in zip(found, exact, strict=True)]
        np.testing.assert_allclose(share, slow, atol=1e-6)


def test_what_is_measured_is_refined_as_deep_as_what_is_timed(place: Place, captions: Embeddings) -> None:
    searcher = place.searchers["pq"]
    before = searcher.point
    try:
        searcher.point = replace(before, k_factor=IMAGES / TOP)
        answering = place.answering(read_way("pq+refine"), captions.vectors, "clean")
        assert depth_of(place, answering) == answering.candidates == IMAGES > DEPTH
        searcher.point = replace(before, ef_search=16, k_factor=2.0)
        graph = replace(answering, candidates=2 * TOP)
        assert depth_of(place, graph) == 2 * TOP, "a graph that is asked for more looks further"
    finally:
        searcher.point = before


def test_refining_everything_finds_everything(sources: Sources, place: Place, captions: Embeddings) -> None:
    searcher = place.searchers["pq"]
    before, ways = searcher.point, sources.values.get("ways")
    try:
        searcher.point = replace(before, k_factor=IMAGES / TOP)
        sources.values["ways"] = ["pq", "pq+refine"]  # type: ignore[index]
        tables = list(answer(place, {"clean": captions}))
        assert tables[1]["index_recall@10"].to_numpy().mean() > 0.999
        assert len(tables) == 2 and tables[0]["index_recall@10"].to_numpy().mean() < 0.9
    finally:
        searcher.point = before
        sources.values["ways"] = ways  # type: ignore[index]


def test_transductive_stages_look_at_the_queries_and_others_do_not(
    place: Place, captions: Embeddings
) -> None:
    half = captions.vectors[: len(captions.vectors) // 2]
    assert place.scoring("exact", half, "clean") is place.scoring("exact", captions.vectors, "clean")
    assert place.scoring("csls", half, "clean") is not place.scoring("csls", half, "clean")
    assert place.chosen["csls"].k is not None, "chosen on validation lists"


def test_a_cache_knows_which_training_image_a_caption_is_of(
    files: dict[str, Path], sources: Sources, place: Place, captions: Embeddings
) -> None:
    learnt, asked = (read_embeddings(files[f"train-{side}"]) for side in ("images", "captions"))
    assert [learnt.ids[owner] for owner in sources.pairs.owners] == asked.image_ids
    place.scoring("cache-chosen", captions.vectors, "clean")
    assert None not in place.chosen["cache-chosen"].model_dump().values(), "chosen on validation lists"


def test_candidates_are_right_where_they_show_what_is_asked_for(place: Place, captions: Embeddings) -> None:
    found = found_by(place.searchers["flat"], place.gallery, captions, 7)
    assert (
        found.positions.shape == (len(captions.ids), 7) and (found.rows == np.arange(len(found.rows))).all()
    )
    for row, query in enumerate(captions.labels):
        assert [place.gallery.labels[p] == query for p in found.positions[row]] == found.relevant[
            row
        ].tolist()


def test_an_index_folder_is_whole(sources: Sources) -> None:
    for name in ("flat", "pq"):
        folder = sources.indexes["mixed"][name]
        assert all((folder / file).exists() for file in FILES)
        searcher = open_searcher(folder, "image")
        assert searcher.count == IMAGES and (searcher.store is None) == (name == "flat")
        assert read_items(folder).ids == sources.gallery("mixed").ids


@given(
    st.lists(st.lists(st.integers(-1, 9), min_size=6, max_size=6, unique=True), min_size=1, max_size=5),
    st.lists(st.integers(0, 9), min_size=3, max_size=3, unique=True),
)
@settings(max_examples=60)
def test_what_stands_elsewhere_is_left_out(rows: list[list[int]], others: list[int]) -> None:
    found = without(np.array(rows), np.array([others] * len(rows)))
    for row, kept in zip(rows, found.tolist(), strict=True):
        slow = [item for item in row if item not in others]
        assert kept == slow + [-1] * (len(row) - len(slow))
