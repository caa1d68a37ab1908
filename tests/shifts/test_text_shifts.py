"""Shifts of captions: seeded by caption, ordered by severity, never an empty caption."""

import re
from difflib import SequenceMatcher
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal import registry
from crossmodal.data.captions import is_visible
from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, read_examples, write_examples
from crossmodal.shifts.apply import caption_generator, shift_split
from crossmodal.shifts.thesaurus import GROUPS, SYNONYMS
from crossmodal.shifts.typos import NEIGHBOURS
from crossmodal.shifts.word_order import REACH

KINDS = ("letter_case", "synonym", "typos", "word_drop", "word_order")
CAPTIONS = [
    "grinning squinting face: closed, eyes, haha",
    "A small dog jumps over the red fence, near two happy children.",
    "an emoji of couple with heart",
]


def _shifted(caption, kind, severity, seed=0):
    params = registry.parse("shifts", {"kind": kind, "severity": severity})
    return registry.load("shifts", kind).apply_text(caption, params, np.random.default_rng(seed))


def _distance(first, second):
    """Return the least number of letters inserted, dropped or replaced (Levenshtein), the slow obvious way."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        row, last = [i], row
        for j, b in enumerate(second, start=1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (a != b)))
    return row[-1]


def test_these_are_the_kinds_that_change_texts():
    params = {kind: registry.parse("shifts", {"kind": kind, "severity": 1}) for kind in KINDS}
    assert {p.space for p in params.values()} == {"texts"}
    others = set(registry.kinds("shifts")) - set(KINDS)
    assert all(not hasattr(registry.load("shifts", kind), "apply_text") for kind in others)


@pytest.mark.parametrize("kind", KINDS)
@given(caption=st.text(max_size=60), severity=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_any_caption_gives_the_same_caption_twice_and_never_an_empty_one(kind, caption, severity, seed):
    once, twice = (_shifted(caption, kind, severity, seed) for _ in range(2))
    assert once == twice
    assert is_visible(once) == is_visible(caption)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("caption", ["a\u200b", "\u200b a \ufeff", "e\u0301"])
def test_the_last_that_can_be_seen_stays(kind, caption):
    assert all(is_visible(_shifted(caption, kind, 5, seed)) for seed in range(200))


@given(caption=st.text(max_size=60), severity=st.integers(1, 5))
def test_letter_case_changes_nothing_but_case(caption, severity):
    assert _shifted(caption, "letter_case", severity).casefold() == caption.casefold()


@given(words=st.lists(st.text("abc,", min_size=1), max_size=12), severity=st.integers(1, 5))
def test_word_order_keeps_the_words_and_moves_none_beyond_its_reach(words, severity):
    numbered = [f"{word}{i}" for i, word in enumerate(words)]  # told apart
    moved = _shifted(" ".join(numbered), "word_order", severity).split()
    assert sorted(moved) == sorted(numbered)
    reach = REACH[severity] or len(numbered)
    assert all(abs(place - moved.index(word)) <= reach for place, word in enumerate(numbered))


@given(words=st.lists(st.text("abc,", min_size=1), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_words_left_out_at_a_severity_are_left_out_at_higher_ones(words, seed):
    numbered = [f"{word}{i}" for i, word in enumerate(words)]
    left = [_shifted(" ".join(numbered), "word_drop", s, seed).split() for s in range(1, 6)]
    for milder, harsher in pairwise(left):
        assert [word for word in milder if word in harsher] == harsher
    assert left[-1]


@pytest.mark.parametrize(
    ("kind", "least"), [("typos", 0.02), ("letter_case", 0.05), ("word_drop", 0.05), ("synonym", 0.02)]
)
def test_severity_orders_the_damage(kind, least):
    captions = CAPTIONS * 40
    damage = [
        np.mean([_distance(c, _shifted(c, kind, s, seed)) / len(c) for seed, c in enumerate(captions)])
        for s in range(1, 6)
    ]
    assert damage == sorted(damage) and len(set(damage)) == 5
    assert damage[1] > least


def test_severity_orders_the_disorder():
    def disorder(caption, shifted):
        return 1 - SequenceMatcher(None, caption.split(), shifted.split(), autojunk=False).ratio()

    captions = [CAPTIONS[1]] * 60
    mean = [
        np.mean([disorder(c, _shifted(c, "word_order", s, seed)) for seed, c in enumerate(captions)])
        for s in range(1, 6)
    ]
    assert mean == sorted(mean) and mean[0] > 0.1


def test_the_rate_of_typos_is_that_of_the_severity():
    """Letters that stand alone cannot be swapped: three of four edits show, each between its own two spaces."""
    letters = list("thequickbrownfoxjumpsoverthelazydog") * 200
    for severity, rate in ((1, 0.02), (3, 0.1), (5, 0.2)):
        typed = _shifted(" ".join(letters), "typos", severity).split(" ")
        changed = np.mean([old != new for old, new in zip(letters, typed, strict=True)])
        assert changed == pytest.approx(0.75 * rate, rel=0.2)


def test_a_replaced_letter_is_a_neighbour_on_the_keyboard():
    assert set(NEIGHBOURS["g"]) == set("ftyhvb") and set(NEIGHBOURS["q"]) == set("wa")
    for letter, around in NEIGHBOURS.items():
        assert all(letter in NEIGHBOURS[near] for near in around)
    for seed in range(200):
        shifted = _shifted("G", "typos", 5, seed)
        assert shifted.upper() == shifted and set(shifted.lower()) <= set("gftyhvb")


def test_synonyms_keep_the_case_the_punctuation_and_the_article():
    for seed in range(20):
        shifted = _shifted("A DOG, a Dog and a dog; dogfish", "synonym", 5, seed)
        assert shifted == "A HOUND, a Hound and a hound; dogfish"


def test_the_table_of_synonyms_is_consistent():
    words = GROUPS.split()
    assert len(words) == len(set(words)) == len(SYNONYMS)
    for line in GROUPS.strip().split("\n"):
        assert re.fullmatch(r"[A-Za-z]+( [A-Za-z]+)+", line)
        assert len({word[0] in "aeiou" for word in line.split()}) == 1, f"a or an: {line}"


@pytest.fixture
def examples(photograph):
    return [
        Example(f"set/{i}", image, f"{i}.jpg", [f"{CAPTIONS[1]} {i}", *CAPTIONS], "label", "group", "style")
        for i, image in enumerate([encode_png(photograph(40, 36))] * 4)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_images_stay_as_they_are_to_the_byte(examples, tmp_path, kind):
    write_examples(tmp_path / "a.parquet", examples)
    params = registry.parse("shifts", {"kind": kind, "severity": 4})
    assert shift_split(tmp_path / "a.parquet", tmp_path / "b.parquet", params, seed=2) == 4
    shifted = read_examples(tmp_path / "b.parquet")
    for old, new in zip(examples, shifted, strict=True):
        kept = ("image_id", "image", "path", "label", "group", "style")
        assert [getattr(old, k) for k in kept] == [getattr(new, k) for k in kept]
        assert len(new.captions) == len(old.captions) and new.captions != old.captions
    same = {tuple(example.captions[1:]) for example in shifted}
    assert len(same) > 1 or kind == "letter_case", "equal captions of different images get draws of their own"


def test_a_caption_depends_on_its_image_its_index_and_the_seed_alone(examples, tmp_path):
    params = registry.parse("shifts", {"kind": "typos", "severity": 5})
    for name, rows in (("a", examples), ("b", examples[::-1])):
        write_examples(tmp_path / name, rows)
        shift_split(tmp_path / name, tmp_path / f"{name}.out", params, seed=2)
    forward, backward = (read_examples(tmp_path / f"{name}.out") for name in ("a", "b"))
    assert forward == backward[::-1]
    apply_text = registry.load("shifts", "typos").apply_text
    for example, shifted in zip(examples, forward, strict=True):
        for index, caption in enumerate(example.captions):
            rng = caption_generator(2, example.image_id, index)
            assert shifted.captions[index] == apply_text(caption, params, rng)
    shift_split(tmp_path / "a", tmp_path / "c.out", params, seed=3)
    assert read_examples(tmp_path / "c.out") != forward
