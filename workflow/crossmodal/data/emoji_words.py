"""What other people than Unicode's call emoji: the words of emojilib, the tags of OpenMoji's designers."""

import json
from pathlib import Path

from crossmodal.data.archives import read_members
from crossmodal.data.emojibase import as_words, plain_emoji

EMOJILIB, OPENMOJI = "package/dist/emoji-en-US.json", "package/data/openmoji.json"


def read_emojilib(tarball: Path) -> dict[str, tuple[str, ...]]:
    """Return emoji (without variation selectors) -> the words of emojilib, its name for it first."""
    found = json.loads(read_members(tarball, [EMOJILIB])[EMOJILIB])
    return {plain_emoji(emoji): _distinct(words) for emoji, words in found.items()}


def read_openmoji(tarball: Path) -> dict[str, tuple[str, ...]]:
    """Return emoji (without variation selectors) -> the tags that OpenMoji's designers gave it, if any."""
    found = json.loads(read_members(tarball, [OPENMOJI])[OPENMOJI])
    return {plain_emoji(record["emoji"]): _distinct(record["openmoji_tags"].split(",")) for record in found}


def _distinct(words: list[str]) -> tuple[str, ...]:
    """Return words without underscores and repetitions; one that is empty is none."""
    return tuple(dict.fromkeys(word for text in words if (word := as_words(text))))
