"""An experiment is one room: what one that comes, goes or is edited makes stale in a finished study."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.conftest import Project

from crossmodal.statistics.numbers import read_numbers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DUMMY = Path(__file__).with_name("dummy_room")
NAMED = "\ndummy: {cells: [full, lora-r8-pgd]}\n"
OWN = {"count_queries full 0", "count_queries lora-r8-pgd 0", "number_dummy", "draw_dummy"}
JOINS = {"join_numbers", "record_study", "write_report"}
NUMBERS = {f"dummy/{cell}/s0/outlines/test/clean/-/queries" for cell in ("full", "lora-r8-pgd")}


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """Change the text of a file, and put the file back."""
    text = path.read_text()
    assert change(text) != text, f"{path}: nothing to be changed"
    path.write_text(change(text))
    try:
        yield
    finally:
        path.write_text(text)


@pytest.fixture(scope="module")
def house(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished tiny study to build rooms in."""
    folder = tmp_path_factory.mktemp("house") / "project"
    shutil.copytree(project.folder, folder, symlinks=True)
    copy = Project.__new__(Project)
    copy.folder, copy.overlay, copy.environment = folder, project.overlay, {}
    return copy


def experiments(house: Project) -> Path:
    return house.folder / "workflow/crossmodal/experiments"


def build(house: Project) -> None:
    """Put the dummy room into the house."""
    shutil.copytree(DUMMY / "dummy", experiments(house) / "dummy")
    shutil.copy2(DUMMY / "dummy.smk", house.folder / "workflow/rules/dummy.smk")


def demolish(house: Project) -> None:
    shutil.rmtree(experiments(house) / "dummy")
    (house.folder / "workflow/rules/dummy.smk").unlink()


def test_a_room_that_the_study_does_not_name_makes_nothing_stale(house: Project) -> None:
    build(house)
    assert house.stale() == set()
    stated = house.crossmodal("params").stdout
    assert "search:" in stated and "dummy" not in stated


def test_a_room_that_the_study_names_makes_its_own_jobs_and_the_joins_stale(house: Project) -> None:
    assert house.stale("--config", "dummy={'cells': ['full', 'lora-r8-pgd']}") == OWN | JOINS
    done = house.snakemake("--dry-run", "--config", "dummy={'cells': ['fll']}")
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith('error: parameters: dummy.cells: got "fll", which is no cell; did you mean "full"?')
    )


def test_the_room_runs_and_its_number_claim_and_section_are_where_all_are(house: Project) -> None:
    overlay = house.folder / house.overlay
    overlay.write_text(overlay.read_text() + NAMED)
    assert house.stale() == OWN | JOINS
    done = house.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert house.stale() == set()
    audited = house.crossmodal("audit", "--all")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    results = house.folder / "results/tiny"
    numbers = {n.number_id: n for n in read_numbers(results / "metrics.parquet")}
    assert {name for name in numbers if name.startswith("dummy/")} == NUMBERS
    for name in NUMBERS:
        assert numbers[name].source == f"results/tiny/dummy/{name.split('/')[1]}/s0/count.json"
    verdicts = {h["id"]: h["verdict"] for h in json.loads((results / "hypotheses.json").read_text())}
    assert verdicts["D1.full"] == "supported" and {"H1", "H2", "H3"} < {i.split(".")[0] for i in verdicts}
    page = (results / "report/index.html").read_text()
    assert "How many queries does a cell answer?" in page and "Counted, not estimated." in page
    name = "dummy/full/s0/outlines/test/clean/-/queries"
    chain = json.loads(house.crossmodal("audit", name, "--json").stdout)["numbers"][0]["jobs"]
    assert chain[-3:] == ["count_queries cell=full seed=0", "number_dummy", "join_numbers"]
    assert "adapt_model cell=full seed=0" in chain and "draw_dummy" not in chain


def test_an_edited_room_leaves_the_others_as_they_are(house: Project) -> None:
    room = experiments(house) / "dummy"
    last = {"join_numbers", "write_report"}

    def code(text: str) -> str:
        return f"{text}\n\nANSWER = 42\n"

    expected = {
        "count_queries.py": OWN | last,
        "numbers.py": {"number_dummy", "draw_dummy"} | last,
        "claims.py": last,
        "section.py": {"draw_dummy", "write_report"},
        "params.py": {"number_dummy", "draw_dummy"} | last,
        "jobs.py": set(),
    }
    for name, stale in expected.items():
        with changed(room / name, code):
            assert house.stale() == stale, name
    with changed(room / "section.html", lambda text: text.replace("Counted", "Tallied")):
        assert house.stale() == {"draw_dummy", "write_report"}


def test_two_rooms_with_one_number_are_refused_by_the_join_in_one_line(house: Project) -> None:
    """A room whose numbers are filed under another experiment's name."""
    taken = "peft/full/s0/outlines/test/clean/mean/recall@1"
    numbers = {n.number_id: n for n in read_numbers(house.folder / "results/tiny/metrics.parquet")}
    assert taken in numbers
    metrics = house.folder / "results/tiny/metrics.parquet"
    before = metrics.read_bytes()

    def as_another(text: str) -> str:
        text = text.replace('Place("dummy", cell,', 'Place("peft", cell,')
        return text.replace('"clean", "-")', '"clean", "mean")').replace("params.number", '"recall@1"')

    with changed(experiments(house) / "dummy/numbers.py", as_another):
        done = house.snakemake("results/tiny/metrics.parquet")
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "Traceback" not in said
        assert f"error: number {taken} stands twice; ids must be unique\n" in said
    done = house.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert metrics.read_bytes() == before


def test_a_room_that_goes_leaves_what_was_there_before(house: Project, project: Project) -> None:
    demolish(house)
    overlay = house.folder / house.overlay
    done = house.snakemake("--dry-run")
    assert done.returncode == 1 and 'error: parameters: got "dummy", which is no key here' in done.stderr
    overlay.write_text(overlay.read_text().removesuffix(NAMED))
    assert house.stale() == JOINS
    done = house.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for name in ("metrics.parquet", "hypotheses.json", "study.json"):
        ours, theirs = (copy.folder / "results/tiny" / name for copy in (house, project))
        assert ours.read_bytes() == theirs.read_bytes(), name
    audited = house.crossmodal("audit", "--all")
    assert audited.returncode == 0, audited.stdout + audited.stderr
