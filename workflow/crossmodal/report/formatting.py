"""How values are written for people: one place, so that the page, the terminal and the README agree."""

import math
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["fraction", "ms", "bytes", "count", "rate", "seconds", "mega", "yes", "passed", "plain"]

_UNITS: dict[str, Kind] = {
    "fraction": "fraction",
    "ratio": "fraction",
    "share": "fraction",
    "%": "fraction",
    "ms": "ms",
    "milliseconds": "ms",
    "bytes": "bytes",
    "byte": "bytes",
    "count": "count",
    "parameters": "count",
    "1/s": "rate",
    "qps": "rate",
    "queries/s": "rate",
    "s": "seconds",
    "flop": "mega",
    "yes/no": "yes",
    "passed/failed": "passed",
}
WORDS: dict[str, tuple[str, str]] = {"yes": ("no", "yes"), "passed": ("✗ failed", "✓ passed")}
"""What 0 and 1 are called."""
_METRICS: tuple[tuple[str, Kind], ...] = (
    ("parameters_share", "fraction"),
    ("saved_", "fraction"),
    ("loss_", "fraction"),
    ("parameters", "count"),
    ("latency", "ms"),
    ("bytes", "bytes"),
    ("items", "count"),
    ("qps", "rate"),
    ("recall@", "fraction"),
    ("index_recall@", "fraction"),
    ("ndcg@", "fraction"),
    ("map", "fraction"),
    ("retention", "fraction"),
    ("normalised_gain", "fraction"),
    ("degradation", "fraction"),
)
MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
ABSENT = "\N{EN DASH}"


def kind_of(metric: str, unit: str) -> Kind:
    """Return how a value of `metric` is written: by its family if known, else by its `unit`."""
    for prefix, kind in _METRICS:
        if metric.startswith(prefix):
            return kind
    return _UNITS.get(unit.strip().lower(), "plain")


def format_value(value: float | None, kind: Kind, *, unit: bool = True) -> str:
    """Return `value` for people: fractions as percent with one decimal, times with two or three digits.

    With `unit=False` the percent sign, "ms" and "/s" are left out, for columns whose header has them.
    A value that is absent or not finite is an en dash.
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    if kind in WORDS:
        return WORDS[kind][value != 0]
    if kind == "bytes":
        return _signed(_bytes(value))
    if kind == "count":
        return _signed(f"{value:,.0f}")
    text, suffix = {
        "fraction": (f"{100 * value:.1f}", "%"),
        "ms": (_three_digits(value), "ms"),
        "rate": (_three_digits(value), "/s"),
        "seconds": (_three_digits(value), "s"),
        "mega": (_three_digits(value / 1e6), "M"),
        "plain": (f"{value:.3g}", ""),
    }[kind]
    text = "0.0" if text == "-0.0" else text
    return _signed(text) + (SPACE + suffix if unit and suffix else "")


def format_beside(value: float | None, target: float, kind: Kind) -> str:
    """Return `value` for people, with enough digits to be told from `target`: below 98 % is not "98.0 %"."""
    text = format_value(value, kind)
    if (
        value is None
        or math.isclose(value, target, abs_tol=1e-9)  # a sum that was rounded on its way
        or kind not in ("fraction", "ms")
        or text != format_value(target, kind)
    ):
        return text
    factor, suffix = (100, "%") if kind == "fraction" else (1, "ms")
    for decimals in range(2, 7):
        text = f"{factor * value:,.{decimals}f}"
        if text != f"{factor * target:,.{decimals}f}":
            break
    return _signed(text) + SPACE + suffix


def format_deviation(deviation: float, value_text: str, kind: Kind) -> str:
    """Return a standard deviation without its unit, to as many decimals as stand in the text of its value."""
    if kind != "plain" or "e" in value_text:
        return format_value(deviation, kind, unit=False)
    return f"{deviation:.{len(value_text.partition('.')[2])}f}"


def format_interval(low: float | None, high: float | None, kind: Kind) -> str:
    """Return "[low, high]" without units; nothing where there is no interval or it is exact (no width)."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return ""
    return f"[{format_value(low, kind, unit=False)},{SPACE}{format_value(high, kind, unit=False)}]"


def format_level(level: float | None) -> str:
    """Return the coverage of intervals as "95 %"; nothing where it is not known."""
    return "" if level is None else f"{100 * level:.6g}{SPACE}%"


def format_time(moment: str) -> str:
    """Return an ISO 8601 time to the minute, in UTC; any other text as it is."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{parsed.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if parsed.tzinfo else moment


def format_seconds(seconds: float) -> str:
    """Return a duration as "48 s", "12 min 5 s" or "2 h 3 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f}{SPACE}s" if seconds < 10 else f"{whole}{SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{SPACE}min {whole % 60}{SPACE}s"
    return f"{whole // 3600}{SPACE}h {whole % 3600 // 60}{SPACE}min"


def _signed(text: str) -> str:
    return MINUS + text[1:] if text.startswith("-") else text


def _three_digits(value: float) -> str:
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 3
    return f"{value:,.{decimals}f}"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 999.5:
            return f"{value:.0f}{SPACE}B" if unit == "B" else f"{_three_digits(value)}{SPACE}{unit}"
        value /= 1000
    return f"{_three_digits(value)}{SPACE}TB"
