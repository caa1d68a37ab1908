"""Between the tables of the pages no measured number is typed, and a sample of a command is what it prints."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from crossmodal.commands.audit_text import number_line
from crossmodal.commands.pages import written_pages
from crossmodal.report.markdown import outside
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.published import read_published
from crossmodal.study.configuration import read_yaml

PUBLISHED = read_published(str(read_yaml(Path("params.yaml"))["study"]))
QUOTED = re.compile(
    r"^.*?(?P<id>[\w.-]+/[\w.-]+/s(?:\*|\d+)(?:/[\w.@+-]+){5})(?![\w.@+-])[\"'`]*\s*[=:]?\s*[−-]?\d.*$",
    re.MULTILINE,
)
"""A line with the id of a number and, behind it, a value."""

_SIGNED, _TO = r"[−–+-]?\d[\d.]*\s*%?", r"\s*(?:,|;|to|and|–|—|−|-|\.\.+|…)\s*"
TYPED = {
    "an interval in brackets": rf"\[\s*{_SIGNED}{_TO}{_SIGNED}\s*\]",
    "an interval in parentheses": rf"\d\s*%?\s*\([^()\n]*?{_SIGNED}{_TO}{_SIGNED}\s*\)",
    "a value and what it may be off": rf"{_SIGNED}\s*(?:±|\+/?-)\s*\d",
    "a range of decimals": rf"\d\.\d+\s*%?{_TO.replace(',|;|', '')}{_SIGNED}",
    "a share with decimals": r"\d\.\d+\s*(?:%|per cent|points?\b)",
    "a verdict": r"\bH\d(?:\.[\w@.-]+)?[`*]*\s+(?:is|was)\s+(?:not\s+)?\W*(?:supported|refuted|inconclusive)\b",
}
"""How a measured number would look. Round shares may be rules or parameters: 95 % intervals."""
OF_PIXELS = "[0, 1]"


def typed(text: str) -> list[str]:
    """Return what looks like a measured number in `text`, but for its tables and the lines that quote a number."""
    prose = QUOTED.sub("", outside(text))
    found = (match[0] for pattern in TYPED.values() for match in re.finditer(pattern, prose))
    return [number for number in found if number != OF_PIXELS]


def misquoted(text: str, published: Mapping[str, Number]) -> list[str]:
    """Return the lines of `text` that quote a number otherwise than `crossmodal audit` prints the published."""
    return [
        match[0]
        for match in QUOTED.finditer(outside(text))
        if (number := published.get(match["id"])) is None
        or match[0] != f"verified {number_line(asdict(number) | {'number_id': match['id']})}"
    ]


@pytest.mark.parametrize("page", written_pages(), ids=str)
def test_no_measured_number_is_typed(page: Path) -> None:
    assert typed(page.read_text()) == []


@pytest.mark.parametrize("page", written_pages(), ids=str)
def test_numbers_that_samples_quote_are_the_published_ones(page: Path) -> None:
    assert misquoted(page.read_text(), PUBLISHED) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "It costs [−1.0, 31.0].",
        "It costs [-1.0, 31.0].",
        "It costs [–1, 31].",
        "It costs [1.0 %,\N{NO-BREAK SPACE}31.0 %].",
        "It costs [20.5–24.4].",
        "It costs [20.5\nto 24.4].",
        "LoRA finds 22.4 % (20.5 to 24.4).",
        "LoRA finds 22 % (20–24).",
        "LoRA finds 22 (95 % interval: 20-24) of them.",
        "LoRA finds 22 ± 2 of them.",
        "LoRA finds between 20.5 and 24.4 of them.",
        "LoRA finds 20.5–24.4 of them.",
        "LoRA finds 22.4 % of them.",
        "LoRA finds 22.4 per cent.",
        "It takes off 1.4 points.",
        "```console\n$ crossmodal compare\n    published 25.0 % [20.0, 30.0]\n```",
    ],
)
def test_a_typed_number_is_found(sentence: str) -> None:
    assert typed(f"# A page\n\n{sentence}\n")
    block = f"<!-- table:results -->\n{sentence}\n<!-- /table -->\n"
    assert typed(block) == [] and typed(block.replace("results", "results."))


@pytest.mark.parametrize(
    "sentence",
    [
        "Intervals of 95 % cover the truth in 92 to 99 %.",
        "Pixels are in [0, 1], and ε is 8/255.",
        "Python 3.11, 3.12 or 3.13; each submission costs two starts (5-7 s).",
        "It keeps more than 95 % with 2 % of the parameters.",
    ],
)
def test_rules_and_parameters_may_be_typed(sentence: str) -> None:
    assert typed(sentence) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("recall@1 = 0.25", "recall@1 = 0.26"),
        ("[0.2, 0.3]", "[0.21, 0.3]"),
        ("[0.2, 0.3] ", ""),
        ("lora-r8", "lora-r4"),
        ("s*", "s0"),
        ("fraction", "%"),
        ("verified ", "tampered "),
    ],
)
def test_a_sample_that_was_edited_is_found(old: str, new: str) -> None:
    number = Number(
        "peft", "lora-r8", "*", "openmoji", "test", "clean", "text_to_image", "recall@1", 0.25, 0.2, 0.3
    )
    name = number.number_id
    sample = f'$ crossmodal audit "{name}"\nverified {name} = 0.25 [0.2, 0.3] fraction\n└── verified join\n'
    assert misquoted(sample, {name: number}) == []
    assert old in sample and misquoted(sample.replace(old, new), {name: number})
