"""Captions of emoji: what people call one thing differs, so they come from sources that differ.

Two families share no caption. `people` is that of a target domain: Unicode's name, Unicode's keywords without it,
what is typed on platforms, OpenMoji's tags. `web` is that of a crawl: the words of emojilib, codes of other
platforms. `templates` are Unicode's name and keywords in five forms, hardly more than one caption: for comparison.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from crossmodal.data.emojibase import Concept

COUNT = 5
"""Captions of a concept."""
LISTED = 6
"""Words of a caption that is a list of words."""


class Words(NamedTuple):
    """What others than Unicode call emoji, by emoji."""

    emojilib: Mapping[str, tuple[str, ...]]
    openmoji: Mapping[str, tuple[str, ...]]


Captions = dict[str, tuple[str, ...]]
"""Slug of a concept to its five captions, all different."""


def name_of(label: str) -> str:
    """Return a CLDR label as people say it: "flag of Chile", "keycap 4"."""
    if label.startswith("flag: "):
        return f"flag of {label.removeprefix('flag: ')}"
    return label.replace("keycap: ", "keycap ").replace("#", "hash").replace("*", "asterisk")


def words_of(text: str) -> set[str]:
    """Return the words of `text` in lower case; a word that ends in a plural s is also the one without it."""
    found = set(re.findall(r"\w+", text.lower()))
    return found | {word[:-1] for word in found if word.endswith("s") and len(word) > 3}


def holds_name(caption: str, concept: Concept) -> bool:
    """Return whether a caption has every word of the concept's name, "flag of" apart."""
    words = re.findall(r"\w+", concept.label.removeprefix("flag: ").lower())
    return set(words) <= words_of(caption)


def people(concepts: Sequence[Concept], words: Words) -> Captions:
    """Return captions of which none fits two concepts: a caption that does is not taken for either.

    The first is the name. Where there are too few words without it, some of the others hold it, too.
    """
    offered = {concept.slug: _distinct(_of_people(concept, words)) for concept in concepts}
    uses = Counter(_key(text) for texts in offered.values() for text in texts)
    return {
        slug: tuple(islice((text for text in texts if uses[_key(text)] == 1), COUNT))
        for slug, texts in offered.items()
    }


def web(concepts: Sequence[Concept], words: Words) -> Captions:
    """Return captions of which none is one of `people`, of whatever concept."""
    taken = {_key(text) for texts in people(concepts, words).values() for text in texts}
    found = {concept.slug: _distinct(_of_web(concept, words)) for concept in concepts}
    return {
        slug: tuple(islice((text for text in texts if _key(text) not in taken), COUNT))
        for slug, texts in found.items()
    }


def templates(concepts: Sequence[Concept], words: Words) -> Captions:
    """Return five sentences around the name, the keywords and the groups."""
    return {concept.slug: _distinct(_of_templates(concept))[:COUNT] for concept in concepts}


FAMILIES: dict[str, Callable[[Sequence[Concept], Words], Captions]] = {
    "people": people, "web": web, "templates": templates,
}  # fmt: skip

RULES = {
    "people": (
        "Five English captions a concept from sources that differ: its Unicode CLDR name; CLDR keywords that say "
        "more than the name; what is typed for it on platforms; tags of OpenMoji's designers; lists of these with "
        "the subgroup, and sentences with the name where there are too few. None fits two concepts."
    ),
    "web": (
        "Five English captions a concept from the words of emojilib, its name for the concept among them, and "
        "from codes of platforms. None is a caption of the family people, of whatever concept."
    ),
    "templates": (
        "Five English captions a concept, made from its Unicode CLDR name, keywords, group and subgroup: the "
        "name; the name with keywords; the keywords; two templates."
    ),
}
"""What a data sheet says about each family."""


def _of_people(concept: Concept, words: Words) -> Iterator[str]:
    """Yield candidates, best first: each source on its own, then mixed, then with the name."""
    name, kind = name_of(concept.label), concept.subgroup_name
    keywords = _without(concept.keywords, concept.label)
    tags = [
        tag for tag in _without(words.openmoji.get(concept.emoji, ()), concept.label) if tag not in keywords
    ]
    codes = [
        code
        for platform in ("iamcal", "emojibase")
        for code in concept.codes[platform]
        if words_of(code) != words_of(name) and _key(code) != _key(name)
    ]
    yield name
    yield from _list(keywords[:LISTED])
    yield from _list(tags[:LISTED])
    yield from codes
    if keywords or tags:
        yield from _list([kind, *keywords[:2], *tags[:2]])
    yield from _list(keywords[LISTED:])
    yield from _list([*tags[:1], *keywords[-2:], kind])
    # Of a man and a woman who ride one keyword is the same: with the first word it tells them apart.
    if keywords:
        first = name.split()[0].strip(":,")
        yield from _list([*keywords[:3], first])
        yield from _list([first, *keywords[-2:], kind])
        yield from _list([first, *keywords])
    yield f"{kind}: {name}"
    yield f"a picture of {name}"
    yield f"{name}, {concept.group_name}"
    yield f"a drawing of {name}"
    yield f"this is {name}"


def _of_web(concept: Concept, words: Words) -> Iterator[str]:
    listed = words.emojilib.get(concept.emoji, ())
    name = listed[0] if listed else name_of(concept.label)
    others = _without(listed[1:], concept.label)
    codes = [code for platform in ("github", "joypixels") for code in concept.codes[platform]]
    code = next((code for code in codes if words_of(code) != words_of(name)), name)
    yield from _list([name, *others[:2]])
    yield from _list(others[:LISTED])
    yield f"emoji {code}"
    yield from _list(others[-3:])
    yield from _list([code, *others[2:4]])
    yield f"{name} icon"
    yield f"{name} emoji, {concept.group_name}"
    yield f"icon of {name}"
    yield f"{name} clipart"
    yield f"{name} symbol, vector"


def _of_templates(concept: Concept) -> Iterator[str]:
    name, kind = name_of(concept.label), concept.subgroup_name
    keywords = concept.keywords
    telling = [k for k in keywords if k.lower() not in set(re.findall(r"\w+", concept.label.lower()))]
    yield concept.label
    yield f"{concept.label}: {', '.join((telling or [kind])[:3])}"
    # Fewer than three keywords ("animal") describe many concepts: then the label stands with them.
    yield ", ".join(keywords[:8] if len(keywords) >= 3 else dict.fromkeys((*keywords, kind, name)))
    yield f"an emoji of {name}"
    yield f"{name}, from {concept.group_name}, {kind}"
    yield f"a drawing of {name}"  # in case two others are alike


def _without(words: Sequence[str], label: str) -> list[str]:
    """Return the words and phrases that say something the label does not."""
    known = words_of(label)
    return [word for word in words if not words_of(word) <= known]


def _list(words: Sequence[str]) -> Iterator[str]:
    """Yield `words` as one caption, if there are any."""
    if words:
        yield ", ".join(dict.fromkeys(words))


def _distinct(texts: Iterator[str]) -> tuple[str, ...]:
    """Return texts that differ in more than case and signs, in order."""
    return tuple({_key(text): text for text in reversed(list(texts))}.values())[::-1]


def _key(text: str) -> str:
    """Return what two captions have in common if they are the same to a reader."""
    return " ".join(re.findall(r"\w+", text.casefold()))
