"""docs/then-and-now.yaml: the numbers of a row are those that its words name, one by one and in their order."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from crossmodal.commands.then_and_now import ROWS
from crossmodal.statistics.numbers import DIRECTIONS
from crossmodal.study.configuration import read_yaml

FIELDS = ("experiment", "cell", "seed", "dataset", "split", "variant", "direction", "metric")
WORDS = {
    "cell": {
        r"projections adapted": ["linear"],
        r"full fine-tuning": ["full"],
        r"LoRA": ["lora-r8"],
        r"FARE": ["lora-r8-fare"],
        r"its twin without an adversary": ["lora-r8-image"],
        r"text prompts of length (\d+)": [r"coop-\1"],
        r"the base model": ["zero-shot"],
        r"(?:full|linear|lora|adapter|prompts|zero-shot|full-pgd|lora-r8-pgd|full-unseen|linear-unseen|"
        r"zero-shot-unseen)": [r"\g<0>"],
    },
    "dataset": {
        r"the captions of today": ["openmoji"],
        r"five forms of one caption": ["openmoji-templates"],
    },
    "split": {r"validation data": ["val"]},
    "variant": {
        r"the name": ["clean@caption-1"],
        r"the four other captions": [f"clean@caption-{place}" for place in (2, 3, 4, 5)],
        r"flags": ["clean@flags"],
        r"without them": ["clean@without-flags"],
        r"(?:sketch|painting|colour-jitter)-\d": [r"\g<0>"],
        r"(?:rendered shifts, on the mean|that loss)": ["shifts-mean"],
        r"queries before": ["text-0"],
        r"under the attack on text of ε ([\d.]+)": [r"text-\1"],
        r"merged": ["merged"],
        r"timed twice": ["again"],
        r"found": ["chosen"],
    },
    "direction": {
        r"text to image": ["text_to_image"],
        r"image to text": ["image_to_text"],
        r"captions for an image": ["image_to_text"],
        r"both directions": ["mean"],
    },
    "metric": {
        r"(recall@\d+)(?: by caption)?": [r"\1"],
        r"recall@(\d+) by concept": [r"concept_recall@\1"],
        r"concepts that the first five captions": ["concepts_in_first_5"],
        r"flags among the test queries": ["queries_share"],
        r"costs? .*?(recall@\d+)": [r"degradation_\1"],
        r"takes off that loss of (recall@\d+)": [r"degradation_difference_\1"],
        r"beside itself with other seeds, (recall@\d+) kept": [r"aa_retention_\1"],
        r"smallest effect on (recall@\d+) to be seen": [r"smallest_visible_\1"],
        r"parameters that": ["saved_parameters"],
        r"by the nominal count": ["saved_parameters_nominal"],
        r"time of an image with a caption": ["saved_latency_pair"],
        r"learning rates": ["learning_rate"],
        r"(recall@\d+) on validation data under attack": [r"validation_robust_\1"],
    },
}
"""By field of an id: which words of a row stand for which values of it, one or several in this order."""
UNSAID = {"dataset": "openmoji", "split": "test", "variant": "clean"}
"""What a row without a word for a field is about."""


def said(what: str, field: str) -> list[str]:
    """Return the values of a field that the words of a row stand for, in the order of the words.

    Of words that begin at one place the longest counts, and none within another.
    """
    matches = [
        (match, values)
        for pattern, values in WORDS[field].items()
        for match in re.finditer(rf"(?<![\w-]){pattern}(?![\w-])", what)
    ]
    found: list[str] = []
    end = 0
    for match, values in sorted(matches, key=lambda pair: (pair[0].start(), -pair[0].end())):
        if match.start() >= end:
            found += [match.expand(value) for value in values]
            end = match.end()
    return found


def misfits(what: str, ids: Sequence[str]) -> list[str]:
    """Return the fields in which the ids of a row are not what its words say.

    What is said once holds for every id, what is said several times for one after the other; `-` names nothing.
    """
    numbers = [dict(zip(FIELDS, id.split("/"), strict=True)) for id in ids]
    wrong = [] if all(n["seed"] == "s*" for n in numbers) and len({*ids}) == len(ids) else ["seed"]
    for field in WORDS:
        values = said(what, field) or ([UNSAID[field]] if field in UNSAID else [])
        found = [number[field] for number in numbers]
        values = values * len(found) if len(values) == 1 else values
        if {*found} <= {"-"} and len(values) in (0, len(found)):
            continue
        pairs = zip(values, found, strict=False)
        if len(values) != len(found) or any(value != name != "-" for value, name in pairs):
            wrong.append(field)
    return wrong


def ids_of(row: dict[str, Any]) -> list[str]:
    """Return the ids of the numbers of a row."""
    return [row["now"]] if isinstance(row["now"], str) else row["now"]


ALL = [(study, row) for study, rows in read_yaml(ROWS).items() for row in rows]
EACH = pytest.mark.parametrize(
    "row", [row for _, row in ALL], ids=[f"{study}: {row['what'][:40]}" for study, row in ALL]
)


OTHERS = ("lora-r4", "full", "s0", "val", "fog-3", "clean@flags", *DIRECTIONS[:3], "recall@10")
"""What a field of an id may be replaced by; most of it would be no number that is published."""


@EACH
def test_the_numbers_of_a_row_are_those_that_its_words_name(row: dict[str, Any]) -> None:
    assert misfits(row["what"], ids_of(row)) == []


@EACH
def test_no_number_of_a_row_can_be_another_one(row: dict[str, Any]) -> None:
    """Any field of any id replaced, an id left out, one more, and their order turned."""
    what, ids = row["what"], ids_of(row)
    for i, id in enumerate(ids):
        parts = id.split("/")
        for place, field in enumerate(FIELDS):
            if field != "experiment" and parts[place] != "-":
                for other in OTHERS:
                    another = "/".join([*parts[:place], other, *parts[place + 1 :]])
                    changed = [*ids[:i], another, *ids[i + 1 :]]
                    assert another == id or misfits(what, changed), another
        if len(ids) > 1:
            assert misfits(what, [*ids[:i], *ids[i + 1 :]]), f"without {id}"
        assert misfits(what, [*ids, id])
    assert len(ids) < 2 or misfits(what, ids[::-1])


def test_every_word_is_in_use() -> None:
    """A word that no row has would be a hole for the next row."""
    text = "\n".join(row["what"] for _, row in ALL)
    for words in WORDS.values():
        assert [pattern for pattern in words if not re.search(pattern, text)] == []
