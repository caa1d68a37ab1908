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


def test_memory_that_a_job_frees_is_not_cleared_by_the_kernel_again() -> None:
    work = (
        "import resource\n"
        "for _ in range(10): b'x' * (5 * 2**23)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)\n"
    )
    plan = (
        "import subprocess, sys\n"
        "from crossmodal.study.configuration import keep_freed_memory\n"
        "if 'kept' in sys.argv: keep_freed_memory()\n"
        f"sys.exit(subprocess.run([sys.executable, '-c', {work!r}]).returncode)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}

    def faults(*arguments: str, **changes: str) -> int:
        command = [sys.executable, "-c", plan, *arguments]
        return int(subprocess.check_output(command, env=environment | changes, text=True))

    pages = 10 * 5 * 2**23 // 4096
    assert faults() > pages > 2 * faults("kept"), "by default every block comes anew"
    own = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_TOP_PAD_": "0"}
    assert faults("kept", **own) > pages, "what the user has set stays"
