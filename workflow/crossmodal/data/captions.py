"""What counts as a caption: a text in which there is something to see."""

import unicodedata

BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that draw nothing: the fillers of Hangul and the blank of Braille."""


def is_visible(text: str) -> bool:
    """Return whether a character of `text` is drawn by itself.

    Not drawn are spaces of every width and separators (Unicode categories Z), controls, formats such as the
    zero-width space or the byte order mark and halves of surrogate pairs (Cc, Cf, Cs), marks without a letter
    to stand on, among them variation selectors (M), and `BLANKS`.
    """
    return any(_is_drawn(character) for character in text)


def _is_drawn(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] not in "ZM" and category not in ("Cc", "Cf", "Cs") and character not in BLANKS


def normalised(raw: object) -> str:
    """Return the caption `raw` with single spaces; "" where it is none.

    None is what is no text, shows nothing or cannot be stored, as text with half a surrogate pair.
    """
    if not isinstance(raw, str) or not is_visible(raw) or not is_storable(raw):
        return ""
    return " ".join(raw.split())


def is_storable(text: str) -> bool:
    """Return whether `text` has a UTF-8 form: JSON may name half a surrogate pair, which has none."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
