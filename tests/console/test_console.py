"""Snakemake with the console: in a terminal, in none, with failures, and where it stands aside."""

import os
import pty
import re
import sys

import pytest

pytestmark = pytest.mark.slow

LOGGER = ("--logger", "crossmodal")


def lines(text: str, pattern: str) -> list[str]:
    return re.findall(f"^{pattern}$", text, flags=re.MULTILINE)


def test_without_a_terminal_each_job_is_a_line(workflow, ledger_line) -> None:
    (workflow.folder / "allowed").touch()
    paths = [f"results/x/adapt/{cell}/manifest.json" for cell in ("full", "lora")]
    text = "".join(ledger_line(path, "adapt", 600) for path in paths)
    text += ledger_line("results/x/eval/lora/manifest.json", "evaluate", 60)
    (workflow.folder / "ledger.jsonl").write_text(text)
    done = workflow.run(*LOGGER)
    assert (done.returncode, done.stdout) == (0, "")
    said = done.stderr.splitlines()
    assert said[0] == "4 jobs to run, about 11 min", "two of 601 s and two of 61 s, on two cores"
    first, *others = said[1:5]
    assert re.fullmatch(r"1 of 4  adapt cell=(full|lora): \d\.\d s; about \d+ min left", first)
    assert {line.split(": ")[0][8:] for line in said[1:5]} == {
        "adapt cell=full", "adapt cell=lora", "evaluate cell=full", "evaluate cell=lora",
    }  # fmt: skip
    assert re.fullmatch(r"4 of 4  evaluate cell=(full|lora): \d\.\d s", others[-1]), "nothing is left"
    assert re.fullmatch(r"done: 4 jobs in \S+ s; everything in \.snakemake/log/\S+\.log", said[5])
    assert len(said) == 6
    logged = workflow.logged()
    assert "    input: results/x/adapt/full/weights" in logged and "4 of 5 steps (80%) done" in logged


def test_a_failure_names_the_job_and_shows_its_log(workflow) -> None:
    done = workflow.run(*LOGGER, "--keep-going")
    assert done.returncode == 1
    [heading] = lines(done.stderr, r"Error in rule adapt \(cell=lora\), after \d\.\d s:")
    after = done.stderr.split(heading)[1].splitlines()[1:4]
    assert after == ["    log: logs/lora.log:", "    | epoch 1", "    | error: no luck"]
    assert "returned non-zero exit status 3" in done.stderr
    last = done.stderr.splitlines()[-2:]
    assert last[0].startswith("1 failed, 2 of 4 jobs done, 1 not, in ")
    assert last[1] == "    adapt cell=lora: logs/lora.log"
    assert not lines(done.stderr, r".*results/x/adapt/full.*"), "no file of a job that did not fail"


def test_a_job_that_is_tried_again_is_said_to_be(workflow) -> None:
    done = workflow.run(*LOGGER, "--keep-going", "--retries", "1")
    assert done.returncode == 1
    assert done.stderr.count("Error in rule adapt (cell=lora)") == 2
    assert lines(done.stderr, "once more: adapt cell=lora") == ["once more: adapt cell=lora"]
    assert done.stderr.splitlines()[-2].startswith("1 failed, 2 of 4 jobs done")


def test_an_error_before_any_job_is_said_in_snakemakes_words(workflow) -> None:
    done = workflow.run("results/x/nothing", *LOGGER)
    assert done.returncode == 1 and lines(done.stderr, r"MissingRuleException:")
    assert "No rule to produce results/x/nothing" in done.stderr and " jobs" not in done.stderr


def without_times(text: str) -> list[list[str]]:
    """Return the lines of a text in order, without what differs between any two runs of Snakemake.

    The files in a reason are a set, in any order: a line is the words in it.
    """
    differs = r"^(\[.*\]|  (Date|Workflow ID|Command): .*|Elapsed time: .*|Complete log.*|Assuming .*)$"
    shown = re.sub(differs, "", text, flags=re.MULTILINE)
    return sorted(sorted(re.split(r"[\s,]+", line)) for line in shown.splitlines() if line)


@pytest.mark.parametrize("arguments", [("--dry-run",), ("--touch", "--forceall")], ids=["dry run", "touch"])
def test_it_stands_aside(workflow, arguments: tuple[str, ...]) -> None:
    """Where nothing is run; whoever reads Snakemake's text has it as it is."""
    if "--touch" in arguments:
        (workflow.folder / "allowed").touch()
        assert workflow.run("--quiet", "all").returncode == 0
    plain, found = (workflow.run(*arguments, *logger, "--cores", "1") for logger in ((), LOGGER))
    assert plain.returncode == found.returncode == 0, plain.stderr + found.stderr
    assert "adapt" in plain.stdout + plain.stderr
    assert without_times(found.stdout) == without_times(plain.stdout)
    assert without_times(found.stderr) == without_times(plain.stderr)


def in_a_terminal(workflow, *arguments: str) -> tuple[int, str]:
    """Run Snakemake in a terminal and return its status and all that it wrote there."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(workflow.folder)
        os.execvpe(sys.executable, workflow.command(*LOGGER, *arguments), workflow.environment)
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), written.decode()


def test_in_a_terminal_what_runs_is_drawn_and_taken_away(workflow) -> None:
    (workflow.folder / "allowed").touch()
    workflow.environment["NAP"] = "1.5"
    status, written = in_a_terminal(workflow)
    assert status == 0, written
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written).replace("\r", "")
    assert re.search(r"[123] of 4 jobs, 0:0\d", plain) and "━━━" in plain
    assert re.search(r"✓ \w+ cell=\w+: \d", plain) and re.search(r"▸ evaluate cell=\w+ +0:0\d", plain)
    assert re.search(r"evaluate [01] of 2", plain)
    assert "\x1b[?25l" in written and written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l"), "the cursor"
    after = plain[plain.rindex("━━━") :]
    assert re.search(r"\ndone: 4 jobs in \S+ s; everything in \.snakemake/log/", after)


def test_in_a_terminal_a_failure_stays(workflow) -> None:
    status, written = in_a_terminal(workflow, "--keep-going")
    assert status == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written).replace("\r", "")
    assert re.search(r"Error in rule adapt \(cell=lora\), after \S+ s:\n +log: logs/lora.log:\n", plain)
    assert "    | error: no luck\n" in plain
    assert re.search(r"\n1 failed, 2 of 4 jobs done.*\n    adapt cell=lora: logs/lora.log\n", plain)
