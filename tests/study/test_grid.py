"""The list of a study's jobs is the list of jobs that its last results come from."""

from pathlib import Path

import pytest

from crossmodal import registry
from crossmodal.commands.context import resolve
from crossmodal.provenance.dag import list_jobs
from crossmodal.study import grid

ROOT = Path(__file__).resolve().parents[2]
LAST = ("report/index.html", "figures/headline.json", "clip_benchmark.json")

OVERLAYS = {
    "default": "",
    "tiny": (ROOT / "studies/tiny.yaml").read_text(),
    "smoke": (ROOT / "studies/smoke.yaml").read_text(),
    "without experiments": "{study: bare, "
    + ", ".join(f"{room}: null" for room in registry.rooms() if room != "tuning")
    + "}",
    "a dataset of the hub": f"""
        study: of-the-hub
        datasets:
          pairs:
            kind: huggingface
            hub: {{repo: someone/pairs, revision: {"a" * 40}, files: {{data/test.parquet: {"b" * 64}}}}}
            splits: {{test: test}}
        evaluation: {{domains: [pairs]}}
    """,
    "a cell of another model": """
        study: two-models
        models: {second: {kind: scratch, config: vit-nano-32, datasets: [twemoji], training: {epochs: 1}}}
        adaptation: {cells: {bitfit: {model: second}}}
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OVERLAYS)
def test_the_grid_has_each_job_once(name: str, tmp_path: Path, in_clone: None) -> None:
    overlays = []
    if text := OVERLAYS[name]:
        overlays = [tmp_path / "overlay.yaml"]
        overlays[0].write_text(text)
    study = resolve(overlays)
    listed = [(rule, tuple(sorted(wildcards.items()))) for rule, wildcards in grid.jobs(study)]
    needed = list_jobs(overlays, [f"results/{study.study}/{name}" for name in LAST])
    assert sorted(listed) == sorted((job.rule, tuple(sorted(job.wildcards))) for job in needed)
