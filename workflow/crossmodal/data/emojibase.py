"""Emoji concepts from the package emojibase-data: names, keywords and groups of Unicode, codes of platforms."""

import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from crossmodal.data.archives import read_members

DATA, MESSAGES, GROUPS = "package/en/data.json", "package/en/messages.json", "package/meta/groups.json"
PLATFORMS = ("emojibase", "iamcal", "github", "joypixels")
"""Whose shortcodes there are; iamcal's are those of Slack."""
COMPONENT = "component"  # skin tones and hair styles: parts of emoji, not concepts


class Concept(NamedTuple):
    """What one emoji stands for, without skin tones."""

    slug: str
    """The CLDR label in lower case, digits and dashes: unique, and the usual name of its icon."""
    label: str
    keywords: tuple[str, ...]
    """CLDR's, without the label itself."""
    group: str
    """Key of one of nine groups, such as "animals-nature"."""
    subgroup: str
    """Key of one of 98 subgroups, such as "animal-marine"."""
    group_name: str
    """What people call the group: "animals & nature"."""
    subgroup_name: str
    emoji: str
    """The characters, without variation selectors."""
    hexcode: str
    """Their code points in hexadecimal, joined by dashes, as emojibase writes them."""
    codes: Mapping[str, tuple[str, ...]]
    """Platform to what people type there between colons, in words: "thumbs up"."""


def slug(text: str) -> str:
    """Return `text` in ASCII lower case with single dashes between words: "piñata" gives "pinata"."""
    ascii_text = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")


def concept_slug(label: str) -> str:
    """Return the slug of a CLDR label; the keycaps # and * get their names instead of nothing."""
    return slug(label.replace("#", "hash").replace("*", "asterisk"))


def icon_names(label: str) -> tuple[str, ...]:
    """Return the names under which icon sets have drawn the concept `label`, likeliest first."""
    named = label.replace("*", "asterisk")
    names = [
        concept_slug(label),
        slug(named.replace("#", "pound")),
        slug(named.replace("&", "and")),
        slug(re.sub(r"[.’']", "", named)),
    ]
    if label.startswith("flag: "):
        country = label.removeprefix("flag: ")
        names += [f"flag-for-{slug(country)}", f"flag-for-{slug(country.replace('&', 'and'))}"]
    return tuple(dict.fromkeys(names))


def as_words(code: str) -> str:
    """Return a name that is written with underscores or dashes as words: "person_raising_hand"."""
    return " ".join(re.sub(r"[_-]+", " ", code).split())


def plain_emoji(emoji: str) -> str:
    """Return the characters of an emoji without variation selectors, which packages set or leave out."""
    return emoji.replace("\ufe0f", "")


def read_concepts(tarball: Path) -> list[Concept]:
    """Return the concepts of an emojibase-data tarball in Unicode's order.

    Left out are records without a group (letters of regional indicators) and components.
    """
    shortcodes = {platform: f"package/en/shortcodes/{platform}.json" for platform in PLATFORMS}
    files = read_members(tarball, [DATA, MESSAGES, GROUPS, *shortcodes.values()])
    keys = json.loads(files[GROUPS])
    messages = json.loads(files[MESSAGES])
    names = {kind: {m["key"]: m["message"] for m in messages[kind]} for kind in ("groups", "subgroups")}
    codes = {platform: json.loads(files[path]) for platform, path in shortcodes.items()}
    concepts: dict[str, Concept] = {}
    for record in json.loads(files[DATA]):
        group = keys["groups"].get(str(record.get("group")))
        if group is None or group == COMPONENT:
            continue
        subgroup = keys["subgroups"][str(record["subgroup"])]
        label, hexcode = record["label"], record["hexcode"]
        concept = Concept(
            concept_slug(label),
            label,
            tuple(k for k in record["tags"] if k != label.lower()),
            group,
            subgroup,
            names["groups"].get(group, group),
            names["subgroups"].get(subgroup, subgroup),
            plain_emoji(record["emoji"]),
            hexcode,
            {platform: _listed(found.get(hexcode)) for platform, found in codes.items()},
        )
        concepts.setdefault(concept.slug, concept)
    return list(concepts.values())


def _listed(codes: str | list[str] | None) -> tuple[str, ...]:
    """Return the codes of one emoji, which a platform gives as one, several or none, in words."""
    several = [codes] if isinstance(codes, str) else codes or []
    return tuple(as_words(code) for code in several)
