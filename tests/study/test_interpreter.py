"""What Python runs a job, and where it looks for modules."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_job_takes_no_file_of_the_folder_for_a_package(tmp_path: Path) -> None:
    """Python would import it in the package's stead, and no spec says what it is."""
    (tmp_path / "pyarrow.py").write_text("raise SystemExit('not what was installed')\n")
    (tmp_path / "plan.py").write_text(
        "import subprocess, sys\n"
        "from crossmodal.study.configuration import use_this_interpreter\n"
        "use_this_interpreter()\n"
        "sys.exit(subprocess.run(['python', '-m', 'crossmodal.jobs.number_cells', *sys.argv[1:]]).returncode)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path("workflow").resolve())}
    environment.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(
        [sys.executable, "plan.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert "not what was installed" not in done.stderr and "queries" in done.stderr, "it says what it needs"
