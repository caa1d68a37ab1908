"""Numbers and their units on one line, and plain spaces in what is copied."""

import re

import pytest

from crossmodal.report.page import ReportInputs, render
from crossmodal.report.unbroken import unbroken


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("loses 78.6 % of it", ["78.6 %"]),
        ("gives −1.9\u00a0% [−3.3,\u00a0−0.5].", ["−1.9 %", "[−3.3, −0.5]"]),
        ("a target of &lt;\u00a050\u00a0ms", ["&lt; 50 ms"]),
        ("12\u00a0min 5\u00a0s", ["12 min", "5 s"]),
        ("within 16 pixels, 8 MBit, [sic], R@10 of 7,113 items", []),
        ('<p title="5\u00a0%">x</p><style>a { width: 5 % }</style><pre>5 % </pre>', []),
        ('<a class="value" href="#">12.3\u00a0%</a>', []),
    ],
)
def test_quantities_are_kept_whole(html: str, kept: list[str]) -> None:
    found = unbroken(html)
    assert re.findall(r'<span class="unbroken">(.*?)</span>', found) == kept
    assert re.sub(r"</?span[^>]*>", "", found).replace("\u00a0", " ") == html.replace("\u00a0", " ")


def test_the_page_has_no_odd_space_to_copy(inputs: ReportInputs) -> None:
    page = render(inputs)
    main = page[page.index("<main") : page.index("</main>")]
    assert "\u00a0" not in re.sub(r"<(style|script|pre)\b.*?</\1>|<[^>]*>", "", main, flags=re.DOTALL)
    rule = re.search(r"([^}]*)\{ white-space: nowrap; \}\n\.absent", page)
    assert rule and {".unbroken", ".value", ".stated", ".interval"} <= set(re.split(r"[,\s]+", rule[1]))
