"""Which overlay a study's name stands for: never one that describes another study."""

import shutil
from pathlib import Path

import pytest

from crossmodal.commands.context import name_of, overlays_of, written_parameters
from crossmodal.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
OWN, RECORDED = Path("studies/foo.yaml"), Path("results/foo/overlay.json")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with the folders of a study foo."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in (OWN, RECORDED):
        path.parent.mkdir(parents=True)


def test_the_default_study_has_no_overlay() -> None:
    assert overlays_of(None) == overlays_of("emoji") == []
    assert written_parameters([])["study"] == "emoji"


@pytest.mark.parametrize("path", [OWN, RECORDED])
def test_an_overlay_of_the_name_asked_for(path: Path) -> None:
    path.write_text('{"study": "foo", "seeds": [3]}')
    assert overlays_of("foo") == [path]
    assert written_parameters([path])["seeds"] == [3]


def test_the_overlay_in_studies_goes_before_what_was_recorded() -> None:
    for path in (OWN, RECORDED):
        path.write_text("study: foo")
    assert overlays_of("foo") == [OWN]


@pytest.mark.parametrize("path", [OWN, RECORDED])
@pytest.mark.parametrize(
    ("content", "found"), [("{}", "emoji"), ('{"seeds": [1]}', "emoji"), ('{"study": "bar"}', "bar")]
)
def test_an_overlay_of_another_study_is_refused(path: Path, content: str, found: str) -> None:
    """Its jobs would be verified, and the answer would read as if foo's were."""
    path.write_text(content)
    with pytest.raises(UserError) as error:
        overlays_of("foo")
    assert str(error.value) == f"{path}: describes study {found}, not foo; `study: foo` is missing in it"


@pytest.mark.parametrize("content", [b"{", b"study: \x00", b"\xff\xfe\xfa", b"[]"])
def test_a_broken_overlay_is_one_line(content: bytes) -> None:
    OWN.write_bytes(content)
    with pytest.raises(UserError, match=r"^studies/foo\.yaml[,:]") as error:
        overlays_of("foo")
    assert "\n" not in str(error.value)


def test_what_was_recorded_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The overlay may have been edited since: then the answer is about what ran."""
    RECORDED.write_text("study: foo")
    overlays_of("foo")
    assert capsys.readouterr().err == f"study foo: as its last run recorded it in {RECORDED}\n"
    OWN.write_text("study: foo")
    overlays_of("foo")
    assert capsys.readouterr().err == ""


def test_an_overlay_can_be_given_by_its_file(tmp_path: Path) -> None:
    mine = tmp_path / "else where.yaml"
    mine.write_text("study: mine\nseeds: [5]\n")
    assert (name_of(str(mine)), overlays_of(str(mine))) == ("mine", [mine])
    mine.write_text("seeds: [5]\n")
    for asked in (name_of, overlays_of):
        with pytest.raises(
            UserError, match=r"else where.yaml: does not say which study it describes; `study: "
        ):
            asked(str(mine))
    mine.unlink()
    with pytest.raises(UserError, match=r"else where.yaml: no such file"):
        overlays_of(str(mine))


def test_an_unknown_study_is_named() -> None:
    with pytest.raises(
        UserError, match=r"^studies/foo\.yaml: no such study; .* none called foo was run here$"
    ):
        overlays_of("foo")
