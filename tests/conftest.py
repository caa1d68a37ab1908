"""What holds for every test: an environment of its own and no clock in property tests; the crate's validator."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from real_browser import browser as browser

# Where processes share a core, making data or an example may take any time. In CI the examples are the same each
# time, so that a submission fails for what it changes; elsewhere they go on searching.
settings.register_profile(
    "crossmodal",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
settings.load_profile("crossmodal")

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    "Snakefile", "README.md", "params.yaml", "studies", "profiles", "envs", "workflow", "docs", "dvc.yaml",
    "pyproject.toml", "requirements.lock",
)  # fmt: skip
"""What a clone has, as far as a plan of the study needs it."""
KEPT = (
    "data", "results", "published", ".dvc", ".snakemake", ".crossmodal", "dvc.lock", "ledger.jsonl",
    "waivers.yaml",
)  # fmt: skip
"""What belongs to the user's study, finished or not, and not to a test."""

USERS_OWN = ("GIT_", "DVC_", "XDG_", "SNAKEMAKE_", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")
"""Beginnings of the names of variables that a user, a CI or a git hook which runs the tests may have set."""
IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}

SCHEMA = "https://w3id.org/ro/crate/1.1/context"
WORKFLOW_RUN = "https://w3id.org/ro/terms/workflow-run/context"
BIOSCHEMAS = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}
"""The terms that RO-Crate 1.1 maps to other addresses than the later version which the rocrate package ships."""
RUN_TERMS = (
    "ParameterConnection", "connection", "sourceParameter", "targetParameter", "md5", "sha512", "resourceUsage",
)  # fmt: skip

PROFILES = {
    "ro-crate", "workflow-ro-crate", "process-run-crate", "workflow-run-crate", "provenance-run-crate",
}  # fmt: skip


LONGEST = (
    "tests/e2e/test_staleness.py", "tests/e2e/test_hub.py", "tests/e2e/test_dvc.py", "tests/e2e/test_publish.py",
    "tests/e2e/test_classes.py", "tests/e2e/test_extending.py", "tests/e2e/test_room.py",
    "tests/e2e/test_students.py", "tests/e2e/test_audit.py", "tests/e2e/test_tuning.py", "tests/e2e",
    "tests/experiments/scale/test_study.py", "tests/adaptation/test_vit_b_32.py",
    "tests/report/test_report_page.py", "tests/shifts/test_what_is_kept.py", "tests/test_readme.py",
)  # fmt: skip
"""Files and folders of tests that take longest, the longest first."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files without slow tests where only those are asked for: most of their time is the import."""
    if config.option.markexpr == "slow" and collection_path.match("test_*.py"):
        return True if "mark.slow" not in collection_path.read_text(encoding="utf-8") else None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no core is left alone with one; xdist needs --no-loadscope-reorder."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(ROOT) if item.path.is_relative_to(ROOT) else item.path
        names = {path.as_posix(), path.parent.as_posix()}
        return next((place for place, name in enumerate(LONGEST) if name in names), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give git an identity and everything an empty home: nothing of the user's is read, needed or written.

    Only how the registries are reached stays the machine's own: the files where npm and pip look it up.
    """
    home = tmp_path_factory.mktemp("home")
    registries = {
        name: str(Path.home() / file)
        for name, file in {
            "NPM_CONFIG_USERCONFIG": ".npmrc",
            "PIP_CONFIG_FILE": ".config/pip/pip.conf",
        }.items()
        if name not in os.environ and (Path.home() / file).exists()
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(USERS_OWN)]:
            patch.delenv(name)
        own = {
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(tmp_path_factory.getbasetemp()),
            "GIT_OPTIONAL_LOCKS": "0",
            "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc"),
            "DVC_SYSTEM_CONFIG_DIR": str(home / "dvc-system"),
            "DVC_SITE_CACHE_DIR": str(home / "dvc-cache"),
            "DVC_NO_ANALYTICS": "1",
        }
        for name, value in (registries | IDENTITY | own).items():
            patch.setenv(name, value)
        yield


def files_of_the_study() -> dict[str, tuple[int, int]]:
    """Return size and time (ns) of each file of the study in this folder; folders have neither."""
    found = {}
    for name in KEPT:
        if (ROOT / name).is_file():
            found[name] = _status(ROOT / name)
        for folder, folders, files in os.walk(ROOT / name):
            found |= {os.path.join(folder, inner): (0, 0) for inner in folders}  # noqa: PTH118
            found |= {os.path.join(folder, file): _status(Path(folder, file)) for file in files}  # noqa: PTH118
    return found


def _status(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_size, status.st_mtime_ns


SEEN: list[dict[str, tuple[int, int]]] = []
"""The study as the last file of tests left it, where it was looked at."""


@pytest.fixture(scope="module", autouse=True)
def study_left_alone() -> Iterator[None]:
    """Fail a file of tests that changes the study in this folder; no matter where a run of it is under way."""
    before = SEEN.pop() if SEEN else files_of_the_study()
    yield
    if not any((ROOT / ".snakemake/locks").glob("*")):
        after = files_of_the_study()
        SEEN.append(after)
        changed = sorted(path for path in before | after if before.get(path) != after.get(path))
        assert not changed, f"tests (of this file, or beside it) changed the user's study: {changed[:5]}"


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources without a study, in which Snakemake may leave its traces."""
    folder = tmp_path_factory.mktemp("clone")
    for name in SOURCES:
        copy: Callable = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def in_clone(clone: Path) -> Iterator[None]:
    """Work in `clone`."""
    with chdir(clone):
        yield


@pytest.fixture(scope="session")
def validate_crate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[dict[str, Any]]]:
    """Return a function that lists what `rocrate-validator` finds in a crate, required or recommended.

    The validator fetches the JSON-LD contexts through an HTTP cache of requests-cache, and with --offline from
    nothing else; the cache is filled here by an adapter that answers in the stead of the two addresses.
    """
    import urllib3
    from requests.adapters import HTTPAdapter
    from requests_cache import CachedSession
    from rocrate.vocabs import RO_CRATE

    contexts = {
        SCHEMA: RO_CRATE["@context"] | BIOSCHEMAS,
        WORKFLOW_RUN: {term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in RUN_TERMS},
    }

    class Contexts(HTTPAdapter):
        def send(self, request, **_):
            body = BytesIO(json.dumps({"@context": contexts[request.url]}).encode())
            headers = {"Content-Type": "application/ld+json"}
            answer = urllib3.HTTPResponse(body, headers, status=200, preload_content=False)
            return self.build_response(request, answer)

    cache = tmp_path_factory.mktemp("validator") / "contexts"
    with CachedSession(str(cache), backend="sqlite") as session:
        session.mount("https://", Contexts())
        for address in contexts:
            session.get(address)

    def validate(crate: Path) -> list[dict[str, Any]]:
        report = cache.parent / f"{crate.name}.json"
        report.unlink(missing_ok=True)
        command = [
            str(Path(sys.executable).parent / "rocrate-validator"), "validate", "--offline",
            "--cache-path", str(cache), "--profile-identifier", "provenance-run-crate",
            "--requirement-severity", "recommended", "--no-paging", "--output-format", "json",
            "--output-file", str(report), crate.name,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, cwd=crate.parent)
        assert report.exists(), done.stdout[-3000:] + done.stderr[-3000:]
        found = json.loads(report.read_text())
        profiles = {profile.rpartition("-")[0] for profile in found["statistics"]["profiles"]}
        assert profiles == PROFILES and found["statistics"]["total_skipped_checks"] == 0
        return found["issues"]

    return validate
