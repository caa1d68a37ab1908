"""Hypotheses as people read them: target, measurement with its interval, verdict in words."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from crossmodal.errors import UserError
from crossmodal.report.formatting import SPACE, Kind, format_beside, format_interval, format_value
from crossmodal.report.lookup import Numbers

VALUE = re.compile(r"undefined|(?<![\w@.])[-−]?[\d,]*\d(?:\.(?P<decimals>\d+))?(?P<percent>[ \u00a0]%)?")
"""A value as the note of a hypothesis states it."""
VERDICTS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One row of hypotheses.json with its values as text."""

    id: str
    statement: str
    target: str
    measured: str
    interval: str
    verdict: str
    number_ids: tuple[str, ...]
    """What the verdict rests on, the measured number first."""
    note: str
    note_parts: tuple[tuple[str, str], ...]
    """The note in pieces: text, and the id of the number that this piece states or nothing."""
    whole: str = ""
    """The verdict on the hypothesis that it is a part of, if there is one."""
    beside: bool = False
    """Whether it is only reported beside the claims that this verdict rests on."""
    aa: str = ""
    """Id of the comparison of the reference with itself, or nothing."""
    smallest: str = ""
    """Id of the smallest effect that the comparison could have seen, or nothing."""

    @property
    def number_id(self) -> str:
        """Return the id of the measured number, or nothing if there is none."""
        return self.number_ids[0] if self.number_ids else ""


def read_hypotheses(rows: Sequence[Mapping[str, Any]], numbers: Numbers | None = None) -> list[Hypothesis]:
    """Return the rows of hypotheses.json as text, in their order.

    `target` is text, or a number with `relation` ("<" or ">") beside it. The unit of a measurement is that of
    its row's key `unit` if it has one, else the one that its target names ("%", "ms"), else that of the
    numbers it rests on. UserError for an unknown verdict.
    """
    out = []
    for row in rows:
        if row["verdict"] not in VERDICTS:
            names = ", ".join(VERDICTS)
            raise UserError(f"hypothesis {row['id']}: verdict {row['verdict']!r} is none of {names}")
        ids = tuple(row.get("number_ids") or ())
        kind = _kind(row, ids, numbers)
        target = row.get("target", "")
        out.append(
            Hypothesis(
                row["id"],
                row["statement"],
                _target(target, str(row.get("relation") or ""), kind),
                _measured(row.get("measured"), target, kind),
                format_interval(row.get("ci_low"), row.get("ci_high"), kind),
                row["verdict"],
                ids,
                row.get("note") or "",
                _note_parts(row.get("note") or "", ids[1:], numbers),
                row.get("whole") or "",
                bool(row.get("beside")),
                row.get("aa") or "",
                row.get("smallest") or "",
            )
        )
    return out


def count_verdicts(hypotheses: Sequence[Hypothesis]) -> dict[str, int]:
    """Return how many hypotheses got each verdict, in the fixed order of VERDICTS, zeros included."""
    return {name: sum(h.verdict == name for h in hypotheses) for name in VERDICTS}


def wholes(hypotheses: Sequence[Hypothesis]) -> dict[str, str]:
    """Return the verdict on each hypothesis that has one, by its name, in the order of the claims."""
    return {h.id.partition(".")[0]: h.whole for h in hypotheses if h.whole}


def _measured(value: float | None, target: object, kind: Kind) -> str:
    if isinstance(target, int | float):
        return format_beside(value, float(target), kind)
    return format_value(value, kind)


def _target(target: object, relation: str, kind: Kind) -> str:
    if not isinstance(target, int | float):
        return str(target)
    # A target is a round figure somebody wrote: "> 95 %", not "> 95.0 %".
    text = (
        format_value(target, kind).replace(f".0{SPACE}%", f"{SPACE}%").replace(f".0{SPACE}ms", f"{SPACE}ms")
    )
    return f"{relation}{SPACE}{text}" if relation else text


def _note_parts(note: str, ids: tuple[str, ...], numbers: Numbers | None) -> tuple[tuple[str, str], ...]:
    """Return `note` in pieces, each value in it with the first of `ids` that has this value, if any."""
    left, parts, end = list(ids), [], 0
    for match in VALUE.finditer(note):
        id = next((id for id in left if _states(match, id, numbers)), "")
        if id:
            left.remove(id)
            parts += [(note[end : match.start()], ""), (match.group(), id)]
            end = match.end()
    return tuple(part for part in (*parts, (note[end:], "")) if part[0])


def _states(match: re.Match[str], id: str, numbers: Numbers | None) -> bool:
    """Is a value that a note states that of a number, as far as its digits go?"""
    number = numbers.get(id) if numbers is not None else None
    if number is None or match.group() == "undefined":
        return number is not None and math.isnan(number.value)
    is_share = match["percent"] is not None
    if is_share != (number.kind == "fraction"):
        return False
    stated = float(re.sub(r"[^\d.-]", "", match.group().replace("−", "-")))
    return abs(stated - number.value * (100 if is_share else 1)) <= 0.501 * 10 ** -len(
        match["decimals"] or ""
    )


def _kind(row: Mapping[str, Any], ids: tuple[str, ...], numbers: Numbers | None) -> Kind:
    if row.get("unit") in get_args(Kind):
        return cast(Kind, row["unit"])
    target = row.get("target", "")
    if isinstance(target, str) and "%" in target:
        return "fraction"
    if isinstance(target, str) and " ms" in target.replace("\N{NO-BREAK SPACE}", " "):
        return "ms"
    known = [number for id in ids if numbers is not None and (number := numbers.get(id)) is not None]
    exact = [number for number in known if number.value == row.get("measured")]
    kinds = {number.kind for number in exact or known}
    return kinds.pop() if len(kinds) == 1 else "plain"
