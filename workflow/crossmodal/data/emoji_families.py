"""Families of emoji: concepts whose drawings differ by a detail; who has seen one has almost seen the others."""

import re

from crossmodal.data.emojibase import Concept, slug

PEOPLE = {"man", "men", "woman", "women", "person", "people", "boy", "girl"}
DETAILS = PEOPLE | {
    "and", "left", "right", "up", "down", "upwards", "downwards", "leftwards", "rightwards", "facing", "oncoming",
    "raised", "lowered", "open", "closed", "red", "orange", "yellow", "green", "blue", "purple", "brown", "black",
    "grey", "white", "pink", "light", "small", "medium", "large", "low", "high", "old", "older",
    "1st", "2nd", "3rd",
}  # fmt: skip
"""Words that tell members of a family apart: who it is, where to, in which state, colour, size, age and order."""
WHOLES = {"santa": "claus", "mrs": "claus", "mx": "claus", "merman": "merperson", "mermaid": "merperson"}
"""First words that say the sex of somebody whose family goes by another name."""


def family(concept: Concept) -> str:
    """Return the family of a concept, "subgroup/name" in lower case: families lie within Unicode's subgroups.

    Its name is the label's before a colon, without words of `DETAILS`, "face" at its end and possessives: "man
    health worker" is a health worker, "dog face" a dog, "red heart" a heart. All hours are a clock and all phases
    a moon. Flags keep their country: there what follows the colon is what is drawn. Of a label that is nothing
    but details, people are a person and others what they are called.
    """
    return f"{concept.subgroup}/{slug(_name(concept.label))}"


def _name(label: str) -> str:
    lower = label.lower()
    text = lower if lower.startswith("flag:") else lower.partition(":")[0]
    if text.endswith(("o’clock", "-thirty")):
        return "clock"
    words = re.findall(r"\w+", re.sub(r"[’']s\b", "", text))
    if words[-1] == "face" and len(words) > 1:
        words.pop()
    if words[-1] == "moon":
        return "moon"
    if words[0] in WHOLES:
        return WHOLES[words[0]]
    left = words if lower.startswith("flag:") else [word for word in words if word not in DETAILS]
    if not left:
        return "person" if PEOPLE & set(words) else text
    return " ".join(left)
