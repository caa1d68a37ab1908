"""Waivers: code edits that their author declared harmless, on record in waivers.yaml.

A waiver never makes anything `verified`. The audit shows it as `accepted`, with who, when and why, for as
long as the edit stands exactly as it was when it was declared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from crossmodal.errors import UserError
from crossmodal.provenance.differences import Difference

WAIVERS = Path("waivers.yaml")
_HEADER = """\
# Code edits declared harmless by `crossmodal accept`: audits show what they touch as accepted, never as verified.
"""


@dataclass(frozen=True, slots=True)
class Waiver:
    """One declaration."""

    rule: str
    """The rule whose results stay."""
    modules: Mapping[str, Sequence[str | None]]
    """Module -> (digest that the results were made with, digest of the edit); None where it is absent."""
    who: str
    when: str
    """UTC, ISO 8601."""
    why: str

    def __str__(self) -> str:
        return f"accepted by {self.who} on {self.when[:10]}: {self.why}"


def read_waivers(path: Path = WAIVERS) -> list[Waiver]:
    """Return the waivers on record; UserError with one line if the file is not what `accept` writes."""
    if not path.exists():
        return []
    try:
        return [_waiver(values) for values in yaml.safe_load(path.read_text()) or []]
    except (yaml.YAMLError, TypeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path}: not a list of waivers ({reason}); `git checkout {path}` restores it"
        ) from None


def _waiver(values: Any) -> Waiver:
    """Return the waiver that `values` are; TypeError or ValueError if they are none."""
    waiver = Waiver(**values)
    for key in ("rule", "who", "when", "why"):
        if not isinstance(value := getattr(waiver, key), str):
            raise ValueError(f"{key} is no text but {value!r}: put it in quotes")
    if not isinstance(waiver.modules, Mapping):
        raise ValueError(f"modules is no mapping but {waiver.modules!r}")
    for module, edit in waiver.modules.items():
        if not isinstance(edit, list) or len(edit) != 2 or not all(isinstance(e, str | None) for e in edit):
            raise ValueError(f"modules.{module} is not two digests in quotes but {edit!r}")
    return waiver


def add_waivers(new: Sequence[Waiver], path: Path = WAIVERS) -> None:
    """Append `new` to the record."""
    values: list[dict[str, Any]] = [asdict(waiver) for waiver in (*read_waivers(path), *new)]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(_HEADER + yaml.safe_dump(values, sort_keys=False, width=110, allow_unicode=True))
    temporary.replace(path)


def covering(rule: str, differences: Sequence[Difference], waivers: Sequence[Waiver]) -> list[Waiver]:
    """Return the waivers that together cover all `differences` of a job of `rule`; none if any is not covered.

    Only code can be waived. Edits in a row add up: a -> b and b -> c cover a -> c.
    """
    used: dict[int, Waiver] = {}
    mine = [waiver for waiver in waivers if waiver.rule == rule]
    for difference in differences:
        if difference.kind != "code":
            return []
        path = _steps(difference.key, difference.recorded, difference.current, mine)
        if not path:
            return []
        used |= {id(waiver): waiver for waiver in path}
    return list(used.values())


def _steps(module: str, old: str | None, new: str | None, waivers: Sequence[Waiver]) -> list[Waiver]:
    """Return a chain of waivers that leads a module from digest `old` to `new`, in the order of the record."""
    reached: dict[str | None, list[Waiver]] = {old: []}
    for waiver in waivers:
        before, after = waiver.modules.get(module, (None, None))
        if module in waiver.modules and before in reached and after not in reached:
            reached[after] = [*reached[before], waiver]
    return reached.get(new, [])
