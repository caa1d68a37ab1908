"""What DVC may be told: only files that are what their manifests say."""

import json
from pathlib import Path

from crossmodal.provenance.digests import md5
from crossmodal.provenance.witness import broken_files


def test_missing_and_changed_files_are_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("results/tiny")
    folder.mkdir(parents=True)
    files = {name: folder / f"{name}.txt" for name in ("good", "changed", "missing")}
    for path in files.values():
        path.write_text(path.name)
    outputs = {name: {"path": str(path), "md5": md5(path)} for name, path in files.items()}
    (folder / "manifest.json").write_text(json.dumps({"outputs": outputs}))
    assert broken_files([folder]) == []
    files["changed"].write_text("changes.txt"[:11])
    files["missing"].unlink()
    problems = broken_files([folder])
    assert len(problems) == 2
    assert problems[0].startswith(f"{files['changed']}: recorded {outputs['changed']['md5']}, found ")
    assert problems[1].startswith(f"{files['missing']}: missing")
