"""The chain of a number on a page: from the ledger alone, along one seed, each job once."""

from typing import Any

from crossmodal.commands.chain import chain_text
from crossmodal.statistics.numbers import Number

NUMBER = Number(
    "peft", "full", "*", "toy", "test", "clean", "text_to_image", "recall@1", 0.25, 0.2, 0.3, 100, "fraction"
)
QUERIES = "results/mini/evaluation/retrieval/full/s{}/toy/test/clean/queries.parquet"


def manifest(rule: str, inputs: list[str], outputs: list[str], **wildcards: str) -> dict[str, Any]:
    def files(paths: list[str]) -> dict[str, Any]:
        return {"files": [{"path": path, "md5": "d" * 32, "bytes": 1} for path in paths]}

    return {
        "rule": rule, "wildcards": wildcards, "inputs": files(inputs), "outputs": files(outputs), "seed": 0,
        "spec": {"parameters": {"[bold]": 1}, "seed": 0, "threads": 1, "code": {"crossmodal.x": "0"}},
        "versions": {"numpy": "2"}, "platform": "p", "device": "cpu", "threads": 1, "peak_memory_bytes": 1,
        "commit": "c" * 40, "dirty": False,
        "started": "2026-01-01T00:00:00.000+00:00", "ended": "2026-01-01T00:00:02.000+00:00",
    }  # fmt: skip


LEDGER = {
    "j.json": manifest("join_numbers", ["results/mini/numbers/cells.parquet"], ["results/mini/metrics.parquet"]),
    "c.json": manifest(
        "number_cells", [QUERIES.format(0), QUERIES.format(1)], ["results/mini/numbers/cells.parquet"]
    ),
    "e1.json": manifest("evaluate_target", ["m.parquet"], [QUERIES.format(1)], cell="full", seed="1"),
    "e0.json": manifest("evaluate_target", ["v.parquet", "w.parquet"], [QUERIES.format(0)], cell="full", seed="0"),
    "v.json": manifest("embed_target", ["source.tgz"], ["v.parquet"]),
    "w.json": manifest("build_model", ["v.parquet", "own.txt"], ["w.parquet"]),
}  # fmt: skip


def test_the_chain_runs_along_the_first_seed_and_each_job_stands_once() -> None:
    lines = chain_text(NUMBER, "mini", LEDGER).splitlines()
    assert lines[:3] == [
        "```console",
        f'$ crossmodal audit "{NUMBER.number_id}"',
        f"verified {NUMBER.number_id} = 0.25 [0.2, 0.3] fraction",
    ]
    jobs = [line.lstrip("│├└─ ") for line in lines if "── verified" in line]
    assert jobs == [
        "verified join_numbers", "verified number_cells", "verified evaluate_target cell=full seed=0",
        "verified embed_target …", "verified build_model …",
    ]  # fmt: skip
    assert sum("parameters {'[bold]': 1}" in line for line in lines) == 3, "markup in a parameter is text"
    assert max(map(len, lines)) <= 118


def test_a_ledger_that_does_not_know_the_chain_gives_none() -> None:
    assert chain_text(NUMBER, "mini", {}) == ""
    assert chain_text(NUMBER, "mini", {name: LEDGER[name] for name in ("j.json", "c.json")}) == ""
    assert chain_text(NUMBER, "other", LEDGER) == ""
