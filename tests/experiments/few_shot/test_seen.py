"""Which sets a base model met pictures of follows from the datasets; a study that says otherwise is refused."""

from pathlib import Path

import pytest
import yaml

from crossmodal.commands.context import resolve
from crossmodal.errors import UserError

STUDY = Path(__file__).parents[3] / "studies" / "few-shot.yaml"


def changed(folder: Path, **values: object) -> list[Path]:
    """Return the overlays of the study with other values of its room."""
    (folder / "changed.yaml").write_text(yaml.safe_dump({"few_shot": values}), encoding="utf-8")
    return [STUDY, folder / "changed.yaml"]


@pytest.fixture(autouse=True)
def _at_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(STUDY.parents[1])


def test_a_set_of_new_pictures_is_not_called_seen(tmp_path: Path) -> None:
    told = (
        'few_shot.seen: got "openmoji-classes", which is no set with pictures that a base model is trained on'
    )
    seen = resolve([STUDY]).model_dump()["few_shot"]["seen"]
    with pytest.raises(UserError, match=told):
        resolve(changed(tmp_path, seen=[*seen, "openmoji-classes"]))


def test_a_set_of_pictures_that_were_met_must_be_called_seen(tmp_path: Path) -> None:
    told = (
        'few_shot.seen: got "noto-classes", which is no set that stands there, though a base model is trained'
    )
    seen = resolve([STUDY]).model_dump()["few_shot"]["seen"]
    with pytest.raises(UserError, match=told):
        resolve(changed(tmp_path, seen=[name for name in seen if name != "noto-classes"]))
