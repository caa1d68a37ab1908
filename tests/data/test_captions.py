import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.captions import BLANKS, is_storable, is_visible, normalised

SHOWN = st.characters(categories=["L", "N", "P", "S"], exclude_characters=BLANKS)
HIDDEN = st.text(st.characters(categories=["Z", "M", "Cc", "Cf", "Cs"]) | st.sampled_from(sorted(BLANKS)))


@given(HIDDEN, SHOWN, HIDDEN)
def test_one_character_that_is_drawn_is_enough_and_needed(before: str, shown: str, after: str) -> None:
    assert not is_visible(before + after)
    assert is_visible(before + shown + after)


@pytest.mark.parametrize(
    "text",
    [
        "", " \t\n", "\u200b", "\u200c\u200d\u2060", "\ufeff", "\ufe0f", "\U000e0101", "\u00ad", "\u00a0\u3000",
        "\x00\x1b", "\u202e\u2066", "\u034f", "\u115f", "\u3164", "\u2800", "\u0301", "\ud83d", "\U000e0041",
    ],
)  # fmt: skip
def test_what_shows_nothing_is_no_caption(text: str) -> None:
    assert not is_visible(text) and normalised(text) == ""


@pytest.mark.parametrize(
    "text", ["a", "犬", "🐕", "❤\ufe0f", "👩\u200d🚀", "नमस्ते", "e\u0301", "1", ".", "\u200ba"]
)
def test_what_shows_something_is_one(text: str) -> None:
    assert is_visible(text) and normalised(f" {text}  {text}\n") == f"{text} {text}"


@given(st.text(st.characters(codec=None) | st.characters(categories=["Cs"])))
def test_what_is_storable_has_a_utf_8_form(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        assert not is_storable(text) and normalised(text) == ""
    else:
        assert is_storable(text)


@pytest.mark.parametrize("raw", [None, 3, ["a"], {"raw": "a"}])
def test_what_is_no_text_is_no_caption(raw: object) -> None:
    assert normalised(raw) == ""
