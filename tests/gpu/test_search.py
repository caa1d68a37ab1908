"""FAISS on a GPU finds what it finds on a CPU, and the rate of exporting embeddings."""

from collections.abc import Callable
from time import perf_counter

import faiss
import numpy as np
import pytest
import torch
from open_clip.model import CLIP

from crossmodal.models import clip, dual_encoder
from crossmodal.search.clustering import centroids, kmeans, nearest, on_gpus

pytestmark = pytest.mark.usefixtures("_gpu")
IMAGES, BATCH = 4096, 256


@pytest.fixture
def vectors() -> np.ndarray:
    found = np.random.default_rng(0).standard_normal((20_000, 64)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def needs_faiss_gpu() -> None:
    if not hasattr(faiss, "index_cpu_to_all_gpus") or not faiss.get_num_gpus():
        pytest.skip("this FAISS has no GPU: install the extra gpu in place of cpu")


def test_exhaustive_search_on_the_gpu_finds_the_same(vectors: np.ndarray) -> None:
    needs_faiss_gpu()
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    scores, found = on_gpus(index).search(vectors[:100], 10)
    expected, reference = index.search(vectors[:100], 10)
    assert np.allclose(scores, expected, atol=1e-5) and (found == reference).mean() > 0.999


@pytest.mark.parametrize("two_level", [False, True])
def test_clusters_found_on_the_gpu_are_as_tight(vectors: np.ndarray, two_level: bool) -> None:
    needs_faiss_gpu()
    found = centroids(vectors, 64, two_level=two_level, seed=0)
    drawn = vectors[:: len(vectors) // 64][:64]
    own = (vectors * found[nearest(vectors, found)]).sum(axis=1).mean()
    of_drawn = (vectors * drawn[nearest(vectors, drawn)]).sum(axis=1).mean()
    assert found.shape == (64, 64) and np.isfinite(found).all() and own > of_drawn
    assert np.isfinite(kmeans(vectors[:2000], 8, 0)).all()


def test_embeddings_are_those_of_the_cpu_and_their_rate_is_stated(
    build: Callable[[str], CLIP], record_property: Callable[[str, object], None]
) -> None:
    model = build("vit")
    pixels = torch.rand(IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = dual_encoder.encode_images(model, pixels[:64]).detach()
    model.to("cuda")
    with torch.inference_mode():
        assert torch.allclose(
            dual_encoder.encode_images(model, pixels[:64].cuda()).cpu(), expected, atol=1e-4
        )
        torch.cuda.synchronize()
        began = perf_counter()
        for first in range(0, IMAGES, BATCH):
            dual_encoder.encode_images(model, pixels[first : first + BATCH].cuda()).cpu()
        rate = IMAGES / (perf_counter() - began)
    record_property("images_per_second", rate)
    print(f"{rate:,.0f} images/s of {clip.image_size(model)} px on {torch.cuda.get_device_name()}")
