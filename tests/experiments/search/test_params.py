"""Ways to search and the galleries they search, as parameters ask for them."""

from pathlib import Path
from typing import Any

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.search.jobs import RULES, gallery, gallery_sets, jobs
from crossmodal.experiments.search.params import STAGES, index_of, stage_of, with_stage
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import Study, load_study

ROOT = Path(__file__).resolve().parents[3]


def study(**search: Any) -> Study:
    tiny = read_yaml(ROOT / "studies/tiny.yaml")
    return load_study(read_yaml(ROOT / "params.yaml"), tiny | {"search": tiny["search"] | search})


def sets(of: Study, split: str) -> list[str]:
    return [f"{name.dataset}/{name.split}" for name in gallery(of, split)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_way_to_search_is_an_index_and_a_stage(stage: str) -> None:
    name = with_stage("ivf-pq", stage)
    assert (index_of(name), stage_of(name)) == ("ivf-pq", stage)
    assert (index_of("ivf-pq"), stage_of("ivf-pq")) == ("ivf-pq", "")


def test_every_way_is_measured_on_the_same_number_of_candidates() -> None:
    found = study()
    ways = [wildcards["pipeline"] for rule, wildcards in jobs(found) if rule == "measure_search"]
    assert ways == ["flat", "ivf-pq", "ivf-pq+exact", "ivf-pq+rerank"]
    values = {
        way: RULES["measure_search"].job(found, cell="lora-r8-pgd", seed="0", pipeline=way).parameters
        for way in ways
    }
    reranked = values["ivf-pq+rerank"]["reranker"]["candidates"]
    assert values["ivf-pq+exact"]["rescored"] == reranked == 10
    assert {way: bool(v["reranker"]) for way, v in values.items() if v["reranker"]} == {"ivf-pq+rerank": True}
    assert [way for way, v in values.items() if v["probe"]] == ["flat", "ivf-pq"]
    other = study(rescoring={"indexes": ["flat"], "candidates": 7})
    parameters = RULES["measure_search"].job(other, cell="lora-r8-pgd", seed="0", pipeline="flat+exact")
    assert parameters.parameters["rescored"] == 7


def test_an_index_that_is_re_scored_must_exist() -> None:
    with pytest.raises(UserError, match=r"search\.rescoring\.indexes.*hnsw"):
        study(rescoring={"indexes": ["hnsw"]})


@pytest.mark.parametrize(
    "split, expected",
    {
        "train": ["outlines/train", "crowd/train"],
        "val": ["outlines/val", "outlines/train", "crowd/train"],
        "test": ["outlines/test", "outlines/train", "outlines/val", "crowd/train"],
    }.items(),
)
def test_a_gallery_holds_earlier_splits_of_the_target(split: str, expected: list[str]) -> None:
    assert sets(study(), split) == expected
    assert sets(study(own_style=False), split) == [expected[0], "crowd/train"]


@pytest.mark.parametrize("own_style", [True, False])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_no_set_stands_twice_and_all_are_embedded(split: str, own_style: bool) -> None:
    found = study(distractors=["crowd", "outlines"], own_style=own_style)
    assert len(set(sets(found, split))) == len(sets(found, split))
    assert sets(found, split)[0] == f"outlines/{split}", "a query's own images come first"
    embedded = gallery_sets(found)
    assert len(set(embedded)) == len(embedded)
    assert set(gallery(found, split)[1:]) <= set(embedded)


def test_the_probe_knows_which_sets_are_the_targets() -> None:
    found = study(distractors=["crowd", "outlines"], own_style=False)
    job = RULES["measure_search"].job(found, cell="lora-r8-pgd", seed="0", pipeline="flat")
    assert job.parameters["probe"]["own"] == [0, 2]
    assert [name.dataset for name in gallery(found, "test")] == ["outlines", "crowd", "outlines"]
    default = RULES["measure_search"].job(study(), cell="lora-r8-pgd", seed="0", pipeline="flat")
    assert default.parameters["probe"]["own"] == [0, 1, 2]


def test_without_distractors_and_re_ranker_only_the_test_split_is_searched() -> None:
    without = {"distractors": [], "reranking": {"indexes": []}}
    assert gallery_sets(study(**without, own_style=False)) == []
    assert [name.split for name in gallery_sets(study(**without))] == ["train", "val"]
