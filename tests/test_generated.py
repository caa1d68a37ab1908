"""What is generated is what stands in the repository; `make generate` mends a difference."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from crossmodal.commands.generate import SCHEMA, environment, generated, schema
from crossmodal.provenance.dag import list_jobs
from crossmodal.provenance.dvc import rule_stages


@pytest.mark.slow
def test_generated_files_are_up_to_date(in_clone: None) -> None:
    stale = [str(path) for path, content in generated().items() if path.read_text() != content]
    assert stale == [], "run `make generate`"


def test_the_schema_accepts_the_default_study_and_refuses_a_wrong_key() -> None:
    import json

    rules = json.loads(schema())
    assert json.loads(SCHEMA.read_text()) == rules
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["adaptation"]["cells"] = {}  # cells inherit their training from their neighbour; a schema cannot
    del params["models"]
    problems = {error.message for error in jsonschema.Draft202012Validator(rules).iter_errors(params)}
    assert problems == {"'models' is a required property", "{} should be non-empty"}
    params["serach"] = {}
    params["search"]["indexs"] = {}
    problems = {error.message for error in jsonschema.Draft202012Validator(rules).iter_errors(params)}
    assert any("serach" in problem for problem in problems)
    del params["serach"]
    errors = list(jsonschema.Draft202012Validator(rules).iter_errors(params))
    assert any(list(error.path) == ["search"] for error in errors), "the schema knows the experiments' keys"


@pytest.mark.slow
def test_every_output_belongs_to_one_stage_and_every_stage_of_the_study_is_in_dvc_yaml(
    in_clone: None,
) -> None:
    stages = rule_stages()
    content = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    jobs = list_jobs(())
    assert len(jobs) > 100
    outputs = [(path, stages[job.rule]) for job in jobs for path in (*job.outputs, job.manifest)]
    owners = dict(outputs)
    assert len(owners) == len(outputs)
    for path, stage in owners.items():
        assert {path: {"persist": True}} in content[stage]["outs"]
    assert set(content) == {stages[job.rule] for job in jobs}


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_conda_environments_have_one_faiss_and_no_index_address(extra: str) -> None:
    text = environment(extra)
    assert len(re.findall(r"faiss-(cpu|gpu)", text)) == 1 and f"faiss-{extra}" in text
    assert "://" not in text


def test_the_lock_has_hashes_and_no_index_address() -> None:
    lock = Path("requirements.lock").read_text()
    assert "://" not in lock and "--index" not in lock and "--find-links" not in lock
    pins = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock, flags=re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9][a-z0-9._-]*==)", lock, flags=re.MULTILINE)[1:]
    assert len(pins) == len(blocks) and all("--hash=sha256:" in block for block in blocks)
