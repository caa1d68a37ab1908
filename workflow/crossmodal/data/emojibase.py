"""Emoji concepts and their English captions from the package emojibase-data (names of Unicode CLDR)."""

import json
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from crossmodal.data.archives import read_members

DATA, MESSAGES, GROUPS = "package/en/data.json", "package/en/messages.json", "package/meta/groups.json"
COMPONENT = "component"  # skin tones and hair styles: parts of emoji, not concepts


class Concept(NamedTuple):
    """What one emoji stands for, without skin tones."""

    slug: str
    """The CLDR label in lower case, digits and dashes: unique, and the usual name of its icon."""
    label: str
    keywords: tuple[str, ...]
    group: str
    """Key of one of nine groups, such as "animals-nature"."""
    subgroup: str
    """Key of one of 98 subgroups, such as "animal-marine"."""
    captions: tuple[str, ...]


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


def captions(label: str, keywords: tuple[str, ...], group: str, subgroup: str) -> tuple[str, ...]:
    """Return five different English captions; `group` and `subgroup` are names for people here."""
    name = f"flag of {label.removeprefix('flag: ')}" if label.startswith("flag: ") else label
    words = set(re.findall(r"\w+", label.lower()))
    telling = [k for k in keywords if k.lower() not in words]  # CLDR repeats the label's words as keywords
    first = ", ".join((telling or [subgroup])[:3])
    # Fewer than three keywords ("animal") describe many concepts: then the label stands with them.
    listed = ", ".join(keywords[:8] if len(keywords) >= 3 else dict.fromkeys((*keywords, subgroup, name)))
    candidates = (
        label,
        f"{label}: {first}",
        listed,
        f"an emoji of {name}",
        f"{name}, from {group}, {subgroup}",
        f"a drawing of {name}",  # in case two others are alike
    )
    return tuple(dict.fromkeys(candidates))[:5]


def read_concepts(tarball: Path) -> list[Concept]:
    """Return the concepts of an emojibase-data tarball in Unicode's order.

    Left out are records without a group (letters of regional indicators) and components.
    """
    files = read_members(tarball, [DATA, MESSAGES, GROUPS])
    keys = json.loads(files[GROUPS])
    messages = json.loads(files[MESSAGES])
    names = {kind: {m["key"]: m["message"] for m in messages[kind]} for kind in ("groups", "subgroups")}
    concepts: dict[str, Concept] = {}
    for record in json.loads(files[DATA]):
        group = keys["groups"].get(str(record.get("group")))
        if group is None or group == COMPONENT:
            continue
        subgroup = keys["subgroups"][str(record["subgroup"])]
        label, keywords = record["label"], tuple(k for k in record["tags"] if k != record["label"].lower())
        texts = captions(
            label, keywords, names["groups"].get(group, group), names["subgroups"].get(subgroup, subgroup)
        )
        concept = Concept(concept_slug(label), label, keywords, group, subgroup, texts)
        concepts.setdefault(concept.slug, concept)
    return list(concepts.values())
