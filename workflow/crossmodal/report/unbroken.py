"""Numbers that stay beside their units: on a page by style, so that what is copied from it has plain spaces."""

import re

QUANTITY = re.compile(
    r"""
    (?:(?:<|>|&lt;|&gt;|±)[ \u00a0])?                          # a relation
    [-−+]?\d[\d,.]*
    (?:[ \u00a0](?:%|(?:ms|min|px|kB|MB|GB|TB|M|B|s|h)\b|/s\b))+    # units
    | \[[-−\d.,% \u00a0]{3,40}\]                             # an interval
    | \S+\u00a0\S+                                           # what a no-break space binds, whatever it is
    """,
    re.VERBOSE,
)
"""What must not be torn apart at the end of a line, in text where &, < and > are escaped."""
_PARTS = re.compile(r"(<(?:style|script|pre)\b.*?</(?:style|script|pre)>|<[^>]*>)", re.DOTALL)
"""What is no running text: elements that are left as they are, and single tags."""
_WHOLE = re.compile(r'^<(?:a|span)\b[^>]*\bclass="(?:value|stated|interval|deviation)"')
"""Tags of elements that hold one number, which the style keeps whole."""


def unbroken(html: str) -> str:
    """Return `html` with each quantity in its text in a `span` of the class `unbroken`, its spaces plain ones."""
    parts = _PARTS.split(html)
    for place in range(0, len(parts), 2):
        is_whole = place > 0 and _WHOLE.search(parts[place - 1])
        parts[place] = _plain(parts[place]) if is_whole else QUANTITY.sub(_span, parts[place])
    return "".join(parts)


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def _span(match: re.Match[str]) -> str:
    return f'<span class="unbroken">{_plain(match[0])}</span>'
