"""What is no manifest is told in one line, whatever it is."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from crossmodal.errors import UserError
from crossmodal.provenance.ledger import LEDGER, read_ledger
from crossmodal.provenance.manifest import read_manifest
from crossmodal.provenance.shape import problem

PUBLISHED = read_ledger(Path(__file__).resolve().parents[2] / LEDGER)
WHOLE = next(iter(PUBLISHED.values()))


def test_every_published_manifest_is_whole() -> None:
    assert len(PUBLISHED) > 100
    assert {name: wrong for name, manifest in PUBLISHED.items() if (wrong := problem(manifest))} == {}


@pytest.mark.parametrize(
    "key", [*(key for key in WHOLE if key != "format"), *(f"spec.{key}" for key in WHOLE["spec"])]
)
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, True, "gone"])
def test_a_manifest_with_another_value_is_told_or_is_of_the_right_kind(key: str, value: Any) -> None:
    manifest = deepcopy(WHOLE)
    *above, last = key.split(".")
    place = manifest["spec"] if above else manifest
    right = type(place[last])
    if value == "gone":
        del place[last]
        assert problem(manifest) == f"{key} is missing"
        return
    place[last] = value
    if key in ("started", "ended", "dirty") or (key == "spec" and value == {}):
        return  # looked at below
    assert (problem(manifest) is None) == (type(value) is right), problem(manifest)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "rule is missing"),
        ("[]", "it is no mapping"),
        ("null", "it is no mapping"),
        (json.dumps(WHOLE | {"spec": {}}), "spec.rule is missing"),
        (json.dumps(WHOLE | {"started": "yesterday"}), "started is no time"),
        (json.dumps(WHOLE | {"ended": "2026-01-01T00:00:00"}), "ended has no time zone"),
        (json.dumps(WHOLE | {"outputs": {"a": {}}}), "outputs.a is no list of files"),
        (json.dumps(WHOLE | {"outputs": {"a": ["b"]}}), "outputs.a is no list of files"),
        (json.dumps(WHOLE | {"outputs": {"a": [{"path": "b"}]}}), "outputs.a[0].md5 is missing"),
        (json.dumps(WHOLE | {"resumed_from": "a.pt"}), "resumed_from is no list of names"),
        ("[" * 100_000, "recursion"),
        ("{", "Expecting"),
    ],
)
def test_a_broken_manifest_is_one_line_that_says_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: not a manifest (") and said in line and "\n" not in line
    assert line.endswith(f"; `rm {path}` and run the study again")
