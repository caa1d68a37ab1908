"""A folder appears whole or not at all, however the work ends."""

import os
import signal
import subprocess
import sys

import pytest

from crossmodal.commands.folders import check_new, written_folder
from crossmodal.errors import UserError


def test_a_folder_appears_whole(tmp_path):
    (tmp_path / "new").mkdir()  # an empty one may be there
    with written_folder(tmp_path / "new") as folder:
        (folder / "a").write_text("a")
        assert not list((tmp_path / "new").iterdir())
    assert (tmp_path / "new/a").read_text() == "a" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [UserError("wrong"), ValueError("a fault"), KeyboardInterrupt()])
def test_nothing_is_left_of_what_fails(tmp_path, error):
    with pytest.raises(type(error)), written_folder(tmp_path / "new") as folder:
        (folder / "a").write_text("a")
        raise error
    assert not list(tmp_path.iterdir())


def test_what_the_system_refuses_is_one_line(tmp_path):
    with (
        pytest.raises(UserError, match=r"new: No space left on device; make room"),
        written_folder(tmp_path / "new"),
    ):
        raise OSError(28, os.strerror(28))
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_after_sigterm(tmp_path):
    code = (
        "import sys; from pathlib import Path; from crossmodal.commands.folders import written_folder\n"
        "with written_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'a').write_text('a'); print('there', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "new")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"there\n" and len(list(tmp_path.iterdir())) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_where_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for path, said in ((tmp_path / "file", "is a file"), (tmp_path / "no/new", "there is no folder"),
                       (tmp_path, "not empty")):  # fmt: skip
        with pytest.raises(UserError, match=said):
            check_new(path)
