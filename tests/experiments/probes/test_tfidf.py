"""TF-IDF: what a slow, obvious computation gives."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.experiments.probes.tfidf import similarities, words

TEXTS = st.lists(st.text("ab c", max_size=12), min_size=1, max_size=5)


def slow(texts: list[str], documents: list[str]) -> list[list[float]]:
    """Return the cosines word by word, over the union of all words."""
    known = sorted({word for document in documents for word in document.split()})

    def vector(text: str) -> list[float]:
        found = []
        for word in known:
            having = sum(word in document.split() for document in documents)
            found.append(text.split().count(word) * (math.log((1 + len(documents)) / (1 + having)) + 1))
        return found

    def cosine(a: list[float], b: list[float]) -> float:
        lengths = math.hypot(*a) * math.hypot(*b)
        return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0

    return [[cosine(vector(text), vector(document)) for document in documents] for text in texts]


@given(TEXTS, TEXTS)
def test_it_is_what_a_slow_obvious_computation_gives(texts: list[str], documents: list[str]) -> None:
    found = similarities(texts, documents)
    assert found.dtype == np.float32 and found.shape == (len(texts), len(documents))
    assert found == pytest.approx(np.array(slow(texts, documents)), abs=1e-6)


def test_words_are_of_letters_and_digits_in_lower_case() -> None:
    assert words("A cat, No. 4: CAT-like") == ["a", "cat", "no", "4", "cat", "like"]


def test_a_rarer_word_weighs_more_and_an_unknown_one_nothing() -> None:
    documents = ["red ball", "red cube", "red kite"]
    [row] = similarities(["red kite zzz"], documents)
    assert row.argmax() == 2 and row[2] == pytest.approx(1)
    assert not similarities(["zzz", "", "?!"], documents).any()


def test_equal_texts_tie_whatever_stands_around_them() -> None:
    alike = similarities([f"{word} a cat" for word in ("one", "two")], ["a cat", "a dog", "a cat"])
    for row in alike:
        assert row[0] == row[2]
    for first, second in pairwise(similarities(["a cat"] * 3, ["a cat", "dogs"])):
        assert (first == second).all()
