"""No command line grows with the study: what a job gets stands in a file, and one argument holds 131,072 bytes."""

import re
from pathlib import Path

import pytest
from tests.e2e.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LONGEST = 1_000
"""Bytes of a command line that are enough for any job."""
ARGUMENT = 131_072
"""Bytes that one argument of a command line holds at most, whatever `ulimit` says."""
STUDIES = {
    "default": ("{}", 150),
    "fifty seeds": (f"seed_groups: {{headline: {{seeds: {list(range(50))}}}}}", 800),
}
"""An overlay, and how many jobs there are at least."""


@pytest.mark.parametrize("name", STUDIES)
def test_every_command_line_is_short_however_many_seeds_there_are(name: str, tmp_path: Path) -> None:
    overlay, jobs = STUDIES[name]
    project = Project(tmp_path, "studies/overlay.yaml")
    (tmp_path / project.overlay).write_text(overlay)
    planned = project.snakemake("--dry-run", "--printshellcmds")
    assert planned.returncode == 0, planned.stderr[-3000:]
    commands = re.findall(r"^Shell command: (python .*)$", planned.stdout, flags=re.MULTILINE)
    assert len(commands) == len(set(commands)) >= jobs
    assert max(len(command.encode()) for command in commands) <= LONGEST
    files = []
    for command in commands:
        (given,) = re.findall(r" @(\S+)", command)
        files.append(tmp_path / given)
    sizes = [path.stat().st_size for path in files]
    assert (max(sizes) > ARGUMENT) == (name == "fifty seeds"), "more than a command line could hold"
    assert len(set(files)) == len(list(files[0].parent.iterdir())), "and nothing else is left there"
