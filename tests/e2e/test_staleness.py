"""After a finished study: what each change makes stale, as the list of jobs of a dry run."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CELLS = ("zero-shot", "full", "lora-r8-pgd")
SEARCHED = "lora-r8-pgd"
ATTACKED = "lora-r8-pgd"
TIMED = ("full", "lora-r8-pgd")
SHIFTS = ("gaussian-noise-3", "resolution-16")
GALLERIES, RUNS, PROCESSES = ("own", "mixed"), (0, 1), (0, 1)
SIZE, SHARDS = 500, (0, 1)
FOLDS = {f"{rule} {SEARCHED} 0 {fold}" for rule in ("adapt_fold", "embed_fold") for fold in (0, 1)}
ROOMS = ("peft", "robustness", "search", "scale", "probes")
PROBES = ("lookup", "colours")
JOINED = {"join_numbers", "write_report"}


def numbered(*rooms: str) -> set[str]:
    """Return what is made anew where the numbers of experiments are: theirs, their sections, and the joins."""
    return {f"{step}_{room}" for step in ("number", "draw") for room in rooms} | JOINED


OF_CELLS = {"number_cells", "draw_probes"} | numbered("peft", "robustness")
"""What is made anew where a cell is: the search is measured on one of them only, and stands beside the probes."""
ALL_NUMBERS = {"number_cells"} | numbered(*ROOMS)
DRAWN = {*(f"draw_{room}" for room in ROOMS), "write_report"}
RECORDED = {"record_study", "write_report"}
"""What is made anew where the study says anything else: the page shows its parameters."""


def evaluated(cell: str, seed: int = 0) -> set[str]:
    return {
        f"{rule}_{kind} {cell} {seed}" for rule in ("embed", "evaluate") for kind in ("target", "shifted")
    }


def shifted() -> set[str]:
    """Return what is made anew where a shifted set is."""
    jobs = {f"{rule}_shifted {cell} 0" for rule in ("embed", "evaluate") for cell in CELLS}
    return jobs | numbered("robustness")


def indexed(index: str) -> set[str]:
    """Return what is made anew where a kind of index is: exhaustive search is built once for all runs."""
    runs = RUNS if index == "ivf-pq" else RUNS[:1]
    jobs = {f"build_index {SEARCHED} 0 {gallery} {index} {run}" for gallery in GALLERIES for run in runs}
    if index == "ivf-pq":
        jobs |= {f"train_reranker {SEARCHED} 0 rerank {run}" for run in RUNS} | trained_at_size()
    return jobs | answered() | {f"time_searches {SEARCHED} 0 {process}" for process in PROCESSES}


def answered() -> set[str]:
    return {f"answer_queries {SEARCHED} 0 {run}" for run in RUNS} | numbered("search")


def reranked_at_size() -> set[str]:
    """Return what is made anew at size where the second stage is."""
    times = {f"time_scale {SEARCHED} 0 {SIZE} {process}" for process in PROCESSES}
    asked = {f"{rule} {SEARCHED} 0 {SIZE}" for rule in ("answer_scale", "judge_scale_stage")}
    return times | asked | numbered("scale")


def trained_at_size() -> set[str]:
    """Return what is made anew at size where the kind of its index is."""
    one = {f"{rule}_scale_index {SEARCHED} 0 {SIZE}" for rule in ("train", "merge")}
    parts = {f"fill_scale_index {SEARCHED} 0 {SIZE} {shard}" for shard in SHARDS}
    return one | parts | {f"choose_scale_point {SEARCHED} 0 {SIZE} index"} | reranked_at_size()


def embedded_at_size() -> set[str]:
    """Return what is made anew at size where the real vectors are."""
    one = {f"{rule} {SEARCHED} 0" for rule in ("gather_real", "fit_density")}
    shards = {
        f"{rule} {SEARCHED} 0 {n}" for rule in ("draw_shard", "search_shard_exhaustively") for n in SHARDS
    }
    return one | shards | trained_at_size()


def embedded(cell: str, seed: int = 0) -> set[str]:
    """Return what is made anew where an adapted model is."""
    jobs = evaluated(cell, seed)
    if seed == 0 and cell == SEARCHED:
        jobs |= {f"embed_galleries {cell} 0"} | indexed("flat") | indexed("ivf-pq") | embedded_at_size()
    if cell == ATTACKED:
        jobs |= {f"validate_attacks {cell} 0", f"evaluate_attacks {cell} 0"} if seed == 0 else set()
    if seed == 0 and cell in TIMED:
        jobs |= {"measure_encoders 0", "measure_encoders 1"}
    return jobs | OF_CELLS


def adapted(cell: str, seed: int = 0) -> set[str]:
    folds = FOLDS if (cell, seed) == (SEARCHED, 0) else set()
    return {f"adapt_model {cell} {seed}"} | folds | embedded(cell, seed)


ALL_CELLS = {job for cell in CELLS for job in adapted(cell)}
ALL_SHIFTED = {f"shift_dataset {shift} outlines test" for shift in SHIFTS}
PROBED = {f"evaluate_probe {probe} outlines" for probe in PROBES}
ALL_DATA = (
    {f"build_dataset {name}" for name in ("crowd", "outlines")}
    | PROBED
    | numbered("probes")
    | ALL_SHIFTED
    | {"build_model base", "split_folds outlines"}
    | ALL_CELLS
)


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """Replace text in a file, and put the file back."""
    text = path.read_text()
    assert old in text, f"{path}: {old!r} is not there to be edited"
    path.write_text(text.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_text(text)


@dataclass
class Row:
    """A change and the jobs that it makes stale."""

    expected: set[str]
    change: Callable[[Path], AbstractContextManager] = lambda folder: nullcontext()
    config: tuple[str, ...] = ()


def code(*modules: str) -> Callable[[Path], AbstractContextManager]:
    """Return the change that adds a constant to modules of the library."""

    @contextmanager
    def change(folder: Path) -> Iterator[None]:
        texts = {
            path: path.read_text() for path in (folder / "workflow/crossmodal" / name for name in modules)
        }
        for path, text in texts.items():
            path.write_text(f"{text}\n\nANSWER = 42\n")
        try:
            yield
        finally:
            for path, text in texts.items():
                path.write_text(text)

    return change


@contextmanager
def commented(folder: Path) -> Iterator[None]:
    """Add a comment, an empty line and a docstring to every module of the library."""
    texts = {path: path.read_text() for path in (folder / "workflow/crossmodal").rglob("*.py")}
    for path, text in texts.items():
        path.write_text(f"# A comment.\n\n{text}\n\n'A bare string.'\n" if text else text)
    try:
        yield
    finally:
        for path, text in texts.items():
            path.write_text(text)


def text(file: str, old: str, new: str) -> Callable[[Path], AbstractContextManager]:
    """Return the change that replaces text in a file."""
    return lambda folder: edited(folder / file, old, new)


LORA = "adaptation={'cells': {'lora-r8-pgd': {'method': {'rank': 4}}}}"
SWAPPED = "adaptation={'cells': {'full': {'training': {'learning_rate': 0.1, 'weight_decay': 0.001}}}}"
ADDED = "adaptation={'cells': {'lora-r4': {'method': {'kind': 'lora', 'rank': 4}}}}"
FOG = (
    "shifts={'fog-2': {'kind': 'corruption', 'name': 'fog', 'severity': 2}}",
    f"robustness={{'shifts': {[*SHIFTS, 'fog-2']}}}",
)
REMOVED = ("adaptation={'cells': {'zero-shot': null}}", "peft={'baseline': 'full'}")
RENAMED = (
    "adaptation={'cells': {'zero-shot': null, 'untouched': {'method': {'kind': 'zero_shot'}}}}",
    "peft={'baseline': 'untouched'}",
)
DOMAIN = (
    "datasets={'textures': {'kind': 'shapes', 'n': 90, 'image_size': 32, 'seed': 3, 'style': 'textured'}}",
    "evaluation={'domains': ['textures']}",
)
NANO = {"kind": "scratch", "config": "vit-nano-32", "datasets": ["crowd"], "training": {"epochs": 1}}
OTHER = f"models={{'other': {NANO}}}"
NAMED = (OTHER, "adaptation={'cells': {'full': {'model': 'other'}}}")
MORE = (OTHER, "adaptation={'cells': {'other': {'method': {'kind': 'linear'}, 'model': 'other'}}}")

TABLE = {
    "nothing": Row(set()),
    "a comment, a layout and a docstring in every file": Row(set(), commented),
    "code: data": Row(ALL_DATA, code("data/shapes.py")),
    "code: one shift": Row(
        {"shift_dataset gaussian-noise-3 outlines test"} | shifted(), code("shifts/corruption.py")
    ),
    "code: attacks": Row(adapted("lora-r8-pgd"), code("attacks/pgd_images.py")),
    "code: one adaptation method": Row(adapted("full"), code("adaptation/full.py")),
    "code: a kind of base model": Row({"build_model base"} | ALL_CELLS, code("models/scratch.py")),
    "code: the index": Row(indexed("ivf-pq"), code("search/ivf_pq.py")),
    "code: metrics": Row(
        {f"evaluate_{kind} {cell} 0" for cell in CELLS for kind in ("target", "shifted")}
        | answered()
        | {f"evaluate_attacks {ATTACKED} 0"}
        | PROBED
        | ALL_NUMBERS,
        code("statistics/metrics.py"),
    ),
    "code: one probe": Row(
        {"evaluate_probe colours outlines"} | numbered("probes"), code("experiments/probes/colours.py")
    ),
    "code: the numbers of one experiment": Row(
        numbered("peft"), code("experiments/peft/encoder_numbers.py")
    ),
    "code: the numbers of cells": Row(
        OF_CELLS - {"number_peft", "number_robustness"}, code("jobs/number_cells.py")
    ),
    # The numbers that claims are judged by have p-values: what is claimed is part of them.
    "code: the claims of one experiment": Row(numbered("search"), code("experiments/search/claims.py")),
    "code: the section of one experiment": Row(
        {"draw_search", "write_report"}, code("experiments/search/section.py")
    ),
    "code: the tables of one experiment": Row(
        {"draw_robustness", "write_report"}, code("experiments/robustness/tables.py")
    ),
    "the template of one section": Row(
        {"draw_peft", "write_report"},
        text("workflow/crossmodal/experiments/peft/section.html", "<h3>Cost</h3>", "<h3>Costs</h3>"),
    ),
    "the macros of all sections": Row(
        DRAWN,
        text("workflow/crossmodal/report/assets/macros.html", "<table", "<table "),
    ),
    "the style of the page": Row(
        {"write_report"}, text("workflow/crossmodal/report/assets/page.css", "{", "{ ")
    ),
    "code: report": Row({"write_report"}, code("report/page.py")),
    "code: provenance, the study and the rules of an experiment": Row(
        set(), code("provenance/audit.py", "study/sections.py", "experiments/search/jobs.py")
    ),
    "a parameter of one cell": Row(adapted("lora-r8-pgd") | RECORDED, config=(LORA,)),
    "the strength of an attack": Row(
        RECORDED | numbered("robustness") | {f"evaluate_attacks {ATTACKED} 0"},
        config=("robustness={'attacks': {'threats': {'text': {'epsilons': [0.2]}}}}",),
    ),
    "two parameters swapped in value": Row(adapted("full") | RECORDED, config=(SWAPPED,)),
    "two shifts swapped in order": Row(
        RECORDED | shifted(), config=(f"robustness={{'shifts': {list(reversed(SHIFTS))}}}",)
    ),
    "two inputs of a rule swapped": Row(
        {f"evaluate_target {cell} 0" for cell in CELLS} | OF_CELLS,
        text(
            "workflow/rules/evaluation.smk",
            """        images=embedding_files(STUDY.target_sets(), "images"),
        captions=embedding_files(STUDY.target_sets(), "captions"),
""",
            """        captions=embedding_files(STUDY.target_sets(), "images"),
        images=embedding_files(STUDY.target_sets(), "captions"),
""",
        ),
    ),
    "what claims are about": Row(RECORDED | numbered("peft"), config=("peft={'cell': 'full'}",)),
    "the resamples of intervals": Row(RECORDED | ALL_NUMBERS, config=("statistics={'resamples': 101}",)),
    "a cell added": Row(
        RECORDED | ALL_NUMBERS | {"adapt_model lora-r4 0"} | evaluated("lora-r4"), config=(ADDED,)
    ),
    "a cell removed": Row(RECORDED | ALL_NUMBERS, config=REMOVED),
    "a cell renamed": Row(
        RECORDED | ALL_NUMBERS | {"adapt_model untouched 0"} | evaluated("untouched"), config=RENAMED
    ),
    "a shift added": Row(RECORDED | {"shift_dataset fog-2 outlines test"} | shifted(), config=FOG),
    "a domain added": Row(
        RECORDED
        | {"build_dataset textures"}
        | {f"{rule}_domains {cell} 0" for rule in ("embed", "evaluate") for cell in CELLS}
        | (OF_CELLS - {"number_robustness"}),
        config=DOMAIN,
    ),
    "a dataset that nothing names and a model that no cell names": Row(RECORDED, config=(DOMAIN[0], OTHER)),
    "a cell that names another model": Row(
        RECORDED | ALL_NUMBERS | {"build_model other"} | adapted("full"), config=NAMED
    ),
    "a cell added that names another model": Row(
        RECORDED | ALL_NUMBERS | {"build_model other", "adapt_model other 0"} | evaluated("other"), config=MORE
    ),
    "a seed added": Row(
        RECORDED | adapted("full", 1) | adapted("lora-r8-pgd", 1), config=("seeds=[0,1]",)
    ),
    "an experiment left out": Row(RECORDED | JOINED, config=("search=null", "scale=null")),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_what_a_change_makes_stale(project, name: str) -> None:
    row = TABLE[name]
    with row.change(project.folder):
        assert project.stale(*(("--config", *row.config) if row.config else ())) == row.expected


PACKAGES = {
    "altair": DRAWN,
    "jinja2": DRAWN,  # only pages are drawn with it
    "open_clip_torch": {"build_model base"} | ALL_CELLS,
}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_another_version_of_a_package_makes_stale(project, tmp_path: Path, package: str) -> None:
    folder = tmp_path / f"{package}-99.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 99.0\n")
    assert project.stale(PYTHONPATH=str(tmp_path)) == PACKAGES[package]


def test_a_new_kind_makes_nothing_stale(project) -> None:
    """A method is two new files; nothing that exists is touched."""
    folder = project.folder / "workflow/crossmodal/adaptation"
    new = [folder / "bitfit_again.py", folder / "bitfit_again_params.py"]
    new[0].write_text((folder / "bitfit.py").read_text())
    new[1].write_text((folder / "bitfit_params.py").read_text().replace('"bitfit"', '"bitfit_again"'))
    try:
        assert project.stale() == set()
    finally:
        for path in new:
            path.unlink()


def test_shuffled_times_make_nothing_stale(project) -> None:
    draw = random.Random(0)
    files = [p for name in ("data", "results") for p in (project.folder / name).rglob("*") if p.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    try:
        for path, time in before.items():
            moved = time - draw.randrange(10**15)  # up to eleven days earlier
            os.utime(path, ns=(moved, moved))
        assert project.stale() == set()
    finally:
        for path, time in before.items():
            os.utime(path, ns=(time, time))


def test_an_edited_output_is_found_by_the_audit_and_rebuilt_from_its_job(project) -> None:
    path = "results/tiny/embeddings/full/s0/outlines/test/clean/images.parquet"
    file = project.folder / path
    good, times = file.read_bytes(), file.stat()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.stale() == set(), "Snakemake looks at sizes and times, and cannot see it"
    audit = project.crossmodal("audit", "--all")
    assert audit.returncode == 1
    assert f"tampered embed_target cell=full seed=0\n    {path}: recorded " in audit.stdout
    file.unlink()
    done = project.snakemake(path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert file.read_bytes() == good
    assert project.stale() == set(), "equal bytes: nothing below is made again"
    audit = project.crossmodal("audit", "--all")
    assert audit.returncode == 0, audit.stdout


def test_a_deleted_output_is_made_again(project) -> None:
    page = project.folder / "results/tiny/report/index.html"
    kept = page.rename(page.with_suffix(".kept"))
    try:
        assert project.stale() == {"write_report"}
    finally:
        kept.rename(page)
    inner = project.folder / "results/tiny/embeddings/full/s0/outlines/test/clean/images.parquet"
    kept = inner.rename(inner.with_suffix(".kept"))
    try:
        # What is embedded after the target takes its captions from there.
        of_full = {f"{job}_{sets} full 0" for job in ("embed", "evaluate") for sets in ("target", "shifted")}
        assert project.stale() == of_full | OF_CELLS
        assert "missing embed_target cell=full seed=0" in project.crossmodal("audit", "--all").stdout
        assert project.stale(str(inner.relative_to(project.folder))) == {"embed_target full 0"}
    finally:
        kept.rename(inner)


def test_identical_bytes_stop_a_run_at_the_end_of_a_step(project) -> None:
    """One run makes all it planned; planned anew after the stale stage, equal bytes make nothing stale."""
    with code("shifts/resolution.py")(project.folder):
        shift = "shift_dataset resolution-16 outlines test"
        assert project.stale() == {shift} | shifted()
        done = project.snakemake("--until", "shift_dataset")
        assert done.returncode == 0, done.stderr[-3000:]
        assert project.stale() == set()
    done = project.snakemake("--until", "shift_dataset")
    assert done.returncode == 0 and project.stale() == set()


def test_a_wrong_parameter_is_one_line_before_any_job(project) -> None:
    done = project.snakemake("--config", "adaptation={'cells': {'full': {'method': {'rnak': 4}}}}")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: parameters: adaptation.cells.full.method")
    assert "Traceback" not in done.stderr and "rule " not in done.stdout
