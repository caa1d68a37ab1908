"""All manifests in one sorted file."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.provenance.ledger import (
    LEDGER,
    entries,
    find_manifests,
    published_manifests,
    read_ledger,
    update_ledger,
    write_ledger,
)

WHOLE = next(iter(read_ledger(Path(__file__).resolve().parents[2] / LEDGER).values()))
"""A manifest as jobs write it."""
LEAVES = st.none() | st.booleans() | st.integers() | st.text()
MANIFESTS = st.dictionaries(
    st.text(min_size=1), st.dictionaries(st.text().filter(lambda key: key != "manifest"), LEAVES)
)


@given(MANIFESTS)
def test_what_is_written_is_read(tmp_path_factory, manifests: dict) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    write_ledger(path, manifests)
    assert read_ledger(path) == manifests
    names = [json.loads(line)["manifest"] for line in path.read_text().split("\n")[:-1]]
    assert names == sorted(manifests)


def test_manifests_are_found_by_their_paths(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data/x/a.manifest.json", "results/x/b/manifest.json", "results/x/b/card.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(json.dumps(WHOLE))
    found = find_manifests([Path("data/x"), Path("results/x"), Path("results/none")])
    assert list(found) == ["data/x/a.manifest.json", "results/x/b/manifest.json"]


def test_publishing_a_study_leaves_the_others_alone(tmp_path: Path) -> None:
    path, folders = tmp_path / "ledger.jsonl", [Path("data/x"), Path("results/x")]
    write_ledger(path, {"data/x/old": {"n": 1}, "results/x/b": {"n": 2}, "results/xy/b": {"n": 3}})
    update_ledger(path, folders, {"results/x/b": {"n": 4}, "results/x/new": {"n": 5}})
    assert read_ledger(path) == {"results/x/b": {"n": 4}, "results/x/new": {"n": 5}, "results/xy/b": {"n": 3}}


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    assert read_ledger(path) == {}
    for line in ('{"manifest": ', "[]", "5", "{}", '{"manifest": []}', '{"manifest": "a"}'):
        path.write_text('{"manifest": "a"}\n' + line + "\n")
        with pytest.raises(
            UserError, match=r"ledger\.jsonl, line 2: not a manifest .*git checkout"
        ) as caught:
            read_ledger(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"ledger\.jsonl: cannot be read .*git checkout"):
        read_ledger(path)


def test_a_line_in_which_something_is_missing_is_told_of_the_study_that_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    write_ledger(path, {"a": WHOLE, "b": {k: v for k, v in WHOLE.items() if k != "outputs"}})
    assert published_manifests({"a", "c"}, path) == {"a": WHOLE}
    with pytest.raises(UserError, match=r"not a manifest of b \(outputs is missing\); `git checkout "):
        published_manifests({"a", "b"}, path)


def test_entries_of_a_side() -> None:
    manifest = {"inputs": {"a": [{"path": "1"}, {"path": "2"}], "b": []}, "outputs": {"c": [{"path": "3"}]}}
    assert entries(manifest, "inputs") == [{"path": "1"}, {"path": "2"}]
    assert entries(manifest, "outputs") == [{"path": "3"}]
