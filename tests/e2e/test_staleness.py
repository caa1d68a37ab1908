"""After a finished study: what a change makes stale, as the list of jobs of a dry run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

AGGREGATES = {"record_study", "summarise_numbers", "write_report"}
SUMMARY = {"summarise_numbers", "write_report"}
SETS = (
    "outlines test clean", "outlines test gaussian-noise-3", "outlines test resolution-16",
    "outlines test sketch-3", "textures test clean",
)  # fmt: skip


def evaluated(cell: str) -> set[str]:
    """Return the jobs between an adapted model and the aggregates."""
    rules = ("embed_set", "evaluate_retrieval")
    return {f"{rule} {cell} 0 {name}" for rule in rules for name in SETS}


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """Replace text in a file, and put the file back."""
    text = path.read_text()
    assert old in text, f"{path}: {old!r} is not there to be edited"
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def test_a_finished_study_has_nothing_to_do(project) -> None:
    assert project.stale() == set()


def test_a_new_rank_reruns_that_cell_and_the_aggregates(project) -> None:
    stale = project.stale("--config", "adaptation={'cells': {'lora-r8-pgd': {'method': {'rank': 4}}}}")
    assert stale == {"adapt_model lora-r8-pgd 0"} | evaluated("lora-r8-pgd") | AGGREGATES


def test_a_comment_or_a_docstring_makes_nothing_stale(project) -> None:
    loop = project.folder / "workflow/crossmodal/training/loop.py"
    with edited(loop, "\nimport math\n", "\n\n# A comment.\nimport math\n"):
        assert project.stale() == set()
    with edited(loop, '"""One training loop', '"""The one training loop'):
        assert project.stale() == set()


def test_an_edit_of_the_attack_reruns_the_cell_trained_with_it(project) -> None:
    attack = project.folder / "workflow/crossmodal/attacks/pgd_images.py"
    with edited(attack, "\nimport torch\n", "\nimport torch\n\nANSWER = 42\n"):
        stale = project.stale()
    assert stale == {"adapt_model lora-r8-pgd 0"} | evaluated("lora-r8-pgd") | SUMMARY


def test_an_edit_of_the_report_reruns_the_report(project) -> None:
    page = project.folder / "workflow/crossmodal/report/page.py"
    with edited(page, "\nimport jinja2\n", "\nimport jinja2\n\nANSWER = 42\n"):
        assert project.stale() == {"write_report"}


def test_a_new_cell_and_a_new_shift_leave_old_results_alone(project) -> None:
    stale = project.stale(
        "--config", "adaptation={'cells': {'lora-r4': {'method': {'kind': 'lora', 'rank': 4}}}}"
    )
    assert stale == {"adapt_model lora-r4 0"} | evaluated("lora-r4") | AGGREGATES
    shifts = [*(name.split()[-1] for name in SETS[1:4]), "fog-2"]
    stale = project.stale(
        "--config",
        "shifts={'fog-2': {'kind': 'corruption', 'name': 'fog', 'severity': 2}}",
        f"evaluation={{'shifts': {shifts}}}",
    )
    cells = ("zero-shot", "full", "bitfit", "lora-r8", "lora-r8-pgd")
    new = {
        f"{rule} {cell} 0 outlines test fog-2"
        for rule in ("embed_set", "evaluate_retrieval")
        for cell in cells
    }
    assert stale == {"shift_dataset fog-2 outlines test"} | new | AGGREGATES


def test_a_new_kind_makes_nothing_stale(project) -> None:
    """A method is two new files; nothing that exists is touched."""
    folder = project.folder / "workflow/crossmodal/adaptation"
    new = [folder / "bitfit_again.py", folder / "bitfit_again_params.py"]
    new[0].write_text((folder / "bitfit.py").read_text())
    new[1].write_text((folder / "bitfit_params.py").read_text().replace('"bitfit"', '"bitfit_again"'))
    try:
        assert project.stale() == set()
        stale = project.stale(
            "--config", "adaptation={'cells': {'again': {'method': {'kind': 'bitfit_again'}}}}"
        )
        assert stale == {"adapt_model again 0"} | evaluated("again") | AGGREGATES
    finally:
        for path in new:
            path.unlink()


def test_a_wrong_parameter_is_one_line_before_any_job(project) -> None:
    done = project.snakemake("--config", "adaptation={'cells': {'lora-r8': {'method': {'rnak': 4}}}}")
    assert done.returncode == 1
    assert (
        done.stderr.strip().splitlines()[-1].startswith("error: parameters: adaptation.cells.lora-r8.method")
    )
    assert "Traceback" not in done.stderr and "rule " not in done.stdout
