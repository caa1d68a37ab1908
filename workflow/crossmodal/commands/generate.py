"""Write what must agree with something else: the parameters' schema, envs/, Slurm's groups, dvc.yaml.

`make generate` writes them; the tests fail where a file in the repository is not what this writes.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from crossmodal import registry
from crossmodal.jobs.rules import TIMED
from crossmodal.provenance.dvc import dvc_yaml
from crossmodal.study.rules import RULES, room_rules
from crossmodal.study.study import whole_study

PROFILE = Path("profiles/slurm/config.yaml")
SCHEMA = Path("workflow/schemas/params.schema.json")


def schema() -> str:
    """Return the JSON schema of params.yaml."""
    return json.dumps(whole_study().model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def environment(extra: str) -> str:
    """Return a conda environment with our direct dependencies and `extra`, at the lock's versions."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"][extra]]
    locked = _locked_versions()
    pins = []
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name
        key = re.sub(r"[-_.]+", "-", name[0]).lower()
        pins.append(f"{key}=={locked[key]}" if key in locked else requirement)
    content: dict[str, Any] = {
        "channels": ["conda-forge"],
        "dependencies": ["python=3.12", "nodejs=24", "pip", {"pip": sorted(pins)}],
    }
    return "# Generated from requirements.lock by `make generate`.\n" + yaml.safe_dump(
        content, sort_keys=False
    )


def slurm_profile() -> str:
    """Return the profile for Slurm with the groups of all rules, those of the experiments included."""
    rules = dict(RULES)
    for room in registry.rooms():
        rules |= room_rules(room)
    groups = {name: rule.group for name, rule in sorted(rules.items()) if rule.group}
    alone = {name: {"slurm_extra": "'--exclusive'"} for name, group in groups.items() if group == TIMED}
    written = yaml.safe_dump({"groups": groups, "set-resources": alone}, sort_keys=False)
    return re.sub(
        r"(# <groups>.*?\n).*?(# </groups>)",
        lambda match: f"{match[1]}{written}{match[2]}",
        PROFILE.read_text(),
        flags=re.DOTALL,
    )


def _locked_versions() -> dict[str, str]:
    """Return the version of each locked distribution; the newest where Python versions differ."""
    lock = Path("requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\\n]+)", lock, flags=re.MULTILINE))


def generated() -> dict[Path, str]:
    """Return every generated file and its content."""
    return {
        SCHEMA: schema(),
        Path("envs/cpu.yaml"): environment("cpu"),
        Path("envs/gpu.yaml"): environment("gpu"),
        PROFILE: slurm_profile(),
        Path("dvc.yaml"): dvc_yaml(),
    }


if __name__ == "__main__":
    for path, content in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        print(path)
