"""docs/toolkit.md: every command and every program in it works, in the order of the page."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.models import clip, scratch
from crossmodal.models.scratch_params import Params
from crossmodal.shifts.corruption_params import Corruption
from crossmodal.study.configuration import read_yaml
from made_up_embeddings import write_test_embeddings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/toolkit.md"
MODEL, SETTINGS = next(iter(read_yaml(ROOT / "params.yaml")["models"].items()))
SIZE = SETTINGS["image"]["size"]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path, dataset, monkeypatch):
    """A folder with what the page supposes: the default study's files (of a tiny model) and two photographs."""
    results = tmp_path / "results/emoji"
    model, adapter = results / "models" / MODEL, results / "adaptation/full/s0"
    model.mkdir(parents=True)
    adapter.mkdir(parents=True)
    nano = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    clip.save_clip(nano, model / "open_clip_config.json", model / "open_clip_model.safetensors")
    full = registry.parse("adaptation", {"kind": "full"})
    methods.attach(nano, full, 0)
    methods.save_adapter(nano, full, adapter / "adapter_config.json", adapter / "adapter_model.safetensors")
    split = tmp_path / "data/emoji/datasets/openmoji/test.parquet"
    split.parent.mkdir(parents=True)
    shutil.move(dataset, split)
    write_test_embeddings(results / "embeddings/full/s0/openmoji/test/clean", "full", "openmoji")
    (tmp_path / "photos").mkdir()
    for name, colour in (("beach", "tan"), ("street", "grey")):
        Image.new("RGB", (60, 50), colour).save(tmp_path / f"photos/{name}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_page_says_works(crossmodal, workplace):
    ran, before = 0, set(workplace.iterdir())
    for language, text in BLOCK.findall(PAGE.read_text()):
        if language == "python":
            exec(compile(text.replace(f"{SIZE}, {SIZE}", "32, 32"), str(PAGE), "exec"), {})
            continue
        for line in text.splitlines():
            assert line.startswith("$ crossmodal "), line
            done = crossmodal(*line.removeprefix("$ crossmodal ").split())
            assert done.status == 0, f"{line}: {done.err}"
            ran += 1
    assert ran >= 10
    written = {path.name for path in set(workplace.iterdir()) - before}
    named = set(re.findall(r"--out (\S+)", PAGE.read_text()))
    assert written == named | {"photos.parquet"}


def test_the_page_names_every_shift():
    text = PAGE.read_text()
    kinds = {*registry.kinds("shifts"), *Corruption.__args__} - {"corruption"}
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text] == []


def test_help_tells_what_rounding_costs(crossmodal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "Rounding to 8 bits" in crossmodal("attack", "--help").out
    for command in ("shift", "attack", "evaluate"):
        assert command in crossmodal("--help").out
