"""The blocks of docs/datasets.md are parameters that the kinds take."""

import re
from pathlib import Path

import yaml

from crossmodal import registry
from crossmodal.data.file_dataset import FileDataset

PAGE = Path(__file__).resolve().parents[2] / "docs/datasets.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_each_kind_of_files_has_a_block_that_is_right() -> None:
    shown = [params for block in BLOCKS for params in yaml.safe_load(block)["datasets"].values()]
    for params in shown:
        registry.parse("data", params)
    kinds = {
        kind for kind in registry.kinds("data") if issubclass(registry.kind_class("data", kind), FileDataset)
    }
    assert {params["kind"] for params in shown} == kinds
    assert kinds == {
        "imagefolder",
        "class_lists",
        "coco",
        "webdataset",
        "huggingface",
        "parquet",
        "csv",
        "mteb",
    }
