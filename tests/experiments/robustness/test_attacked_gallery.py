"""Images that hide from their captions: what they maximise, and how they are scored."""

import numpy as np
import pytest
import torch

from crossmodal.experiments.robustness.attacked_gallery import OwnCaptions, score_hidden
from crossmodal.models.loss import query_losses
from crossmodal.statistics.metrics import score_similarities


@pytest.mark.parametrize("goal", ["loss", "margin"])
def test_what_a_hiding_image_maximises_is_the_loss_of_its_captions(goal):
    """Against one caption after the other, each with a gallery in which this image alone is changed."""
    generator = torch.Generator().manual_seed(0)
    captions = torch.nn.functional.normalize(torch.randn(9, 6, generator=generator), dim=1)
    gallery = torch.nn.functional.normalize(torch.randn(5, 6, generator=generator), dim=1)
    labels, gallery_labels = torch.tensor([0, 0, 1, 2, 2, 2, 3, 4, 4]), torch.tensor([0, 1, 2, 3, 4])
    changed = torch.nn.functional.normalize(torch.randn(3, 6, generator=generator), dim=1)
    places, scale = torch.tensor([4, 0, 2]), torch.tensor(7.0)
    values = OwnCaptions(captions, labels, gallery, gallery_labels, scale, goal).objective(places)(changed)
    for value, place, feature in zip(values, places, changed, strict=True):
        others = gallery.clone()
        others[place] = feature
        own = captions[labels == gallery_labels[place]]
        if goal == "loss":
            expected = query_losses(
                own, others, labels[labels == gallery_labels[place]], gallery_labels, scale
            )
        else:
            cosines = own @ others.T
            right = cosines[:, place].clone()
            cosines[:, place] = -1
            expected = cosines.amax(dim=1) - right
        assert float(value) == pytest.approx(float(expected.mean()), abs=1e-5)


def test_hidden_images_are_scored_against_clean_ones():
    generator = np.random.default_rng(0)
    queries, gallery, hidden = (generator.normal(size=(n, 4)).astype(np.float32) for n in (7, 5, 5))
    labels, gallery_labels = np.array([0, 0, 1, 2, 3, 3, 0]), np.array([0, 1, 2, 3, 0])
    scores = score_hidden(queries, gallery, hidden, labels, gallery_labels)
    similarities = np.empty((7, 5), np.float32)
    for i, query in enumerate(queries):
        for j in range(5):
            item = hidden[j] if labels[i] == gallery_labels[j] else gallery[j]
            similarities[i, j] = np.float32(np.dot(query.astype(np.float64), item.astype(np.float64)))
    expected = score_similarities(similarities, labels[:, None] == gallery_labels)
    np.testing.assert_array_equal(scores.rank, expected.rank)
    np.testing.assert_array_equal(scores.top, expected.top)
    unchanged = score_hidden(queries, gallery, gallery, labels, gallery_labels)
    clean = score_similarities(
        (queries.astype(np.float64) @ gallery.astype(np.float64).T).astype(np.float32),
        labels[:, None] == gallery_labels,
    )
    np.testing.assert_array_equal(unchanged.rank, clean.rank)
