"""What the commands on datasets and models of one's own share."""

import json
from pathlib import Path

import pytest

from crossmodal.commands.toolkit import _config_from_here


@pytest.mark.parametrize("name", ["data/toy/towers/bert", "some-hub/bert"])
def test_a_study_s_text_tower_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    folder, tower = root / "results/toy/models/towers", root / "data/toy/towers/bert"
    for made in (folder, tower, elsewhere):
        made.mkdir(parents=True)
    text = {"hf_model_name": name, "hf_tokenizer_name": name, "context_length": 9}
    written = {"model_cfg": {"embed_dim": 8, "text_cfg": text}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(written))
    for here, model in ((root, folder.relative_to(root)), (elsewhere, folder), (folder, Path("../towers"))):
        monkeypatch.chdir(here)
        with _config_from_here(model) as path:
            found = json.loads(path.read_text())["model_cfg"]["text_cfg"]
        place = Path(found.pop("hf_model_name"))
        assert Path(found.pop("hf_tokenizer_name")) == place and found == {"context_length": 9}
        assert place == Path(name) if name.startswith("some") else place.resolve() == tower.resolve()
