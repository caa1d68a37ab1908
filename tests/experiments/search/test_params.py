"""Ways to search, their names, and the galleries they search, as parameters ask for them."""

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from crossmodal.errors import UserError
from crossmodal.experiments.search.jobs import (
    RULES,
    again,
    distractor_sets,
    gallery,
    gallery_sets,
    index_run,
    jobs,
    query_sets,
    trained_stages,
)
from crossmodal.experiments.search.names import Way, read_way
from crossmodal.experiments.search.params import Params, earlier
from crossmodal.parameters import merge
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import spec
from crossmodal.study.study import Study, load_study

ROOT = Path(__file__).resolve().parents[3]
RUN = {"cell": "lora-r8-pgd", "seed": "0"}


def study(**search: Any) -> Study:
    tiny = read_yaml(ROOT / "studies/tiny.yaml")
    return load_study(read_yaml(ROOT / "params.yaml"), tiny | {"search": merge(tiny["search"], search)})


def listed(of: Study, rule: str) -> list[dict[str, str]]:
    return [wildcards for name, wildcards in jobs(of) if name == rule]


@given(
    st.sampled_from(["flat", "ivf-pq"]), st.sampled_from(["", "exact", "rerank"]),
    st.sampled_from(["", "mixed"]), st.sampled_from(["", "typos-3"]),
)  # fmt: skip
def test_a_name_says_all_of_a_way(index: str, stage: str, place: str, shift: str) -> None:
    way = Way(index, stage, place, shift)
    assert read_way(way.variant, ["own", "mixed"]) == way


def test_no_index_has_the_name_of_what_is_timed_beside_it() -> None:
    with pytest.raises(UserError, match='no index can be called "encode"'):
        study(indexes={"encode": {"kind": "flat"}})


def test_exhaustive_search_counts_where_stages_get_its_candidates() -> None:
    tiny = read_yaml(ROOT / "studies/tiny.yaml")
    search = read_yaml(ROOT / "params.yaml")["search"] | tiny["search"]
    quantised = {"ivf-pq": {"kind": "ivf_pq", "nlist": 2, "m": 4, "bits": 4}}
    search |= {"indexes": quantised, "index": None, "stage": None, "exhaustive": None}
    search |= {"expansion": None, "pipelines": {"ivf-pq": ["nnn"]}, "gallery": None, "timed_gallery": None}
    search["stages"] = {"nnn": {"kind": "nnn", "candidates": 10}}
    defaults = read_yaml(ROOT / "params.yaml") | {"search": search}
    defaults["scale"] |= {"reranker": None}
    of = load_study(defaults, {key: value for key, value in tiny.items() if key != "search"})
    for rule, more in (("answer_queries", {"run": "0"}), ("time_searches", {"process": "0"})):
        assert "crossmodal.search.flat" in json.loads(spec(of, rule, **RUN, **more))["code"]


def test_ways_are_indexes_alone_and_with_what_follows_them() -> None:
    own = study().room("search").ways()
    assert own == [
        "flat", "ivf-pq", "ivf-pq+refine", "ivf-pq+exact", "ivf-pq+nnn", "ivf-pq+rerank", "ivf-pq+expand",
    ]  # fmt: skip
    plain = {"indexes": {"ivf-pq": {"refinement": None}}, "expansion": {"indexes": []}}
    without = study(**plain, stage=None, pipelines={"ivf-pq": []})
    assert without.room("search").ways() == ["flat", "ivf-pq"]


def test_each_run_builds_and_trains_what_has_a_seed() -> None:
    found = study(runs=3)
    built = [(w["gallery"], w["index"], w["run"]) for w in listed(found, "build_index")]
    assert built.count(("own", "flat", "0")) == 1 and ("own", "flat", "1") not in built
    assert [run for gallery, index, run in built if (gallery, index) == ("mixed", "ivf-pq")] == [
        "0",
        "1",
        "2",
    ]
    assert index_run(found, "flat", 2) == 0 and index_run(found, "ivf-pq", 2) == 2
    assert [w["run"] for w in listed(found, "train_reranker")] == ["0", "1", "2"]
    assert [w["run"] for w in listed(found, "answer_queries")] == ["0", "1", "2"]


def test_folds_are_there_for_what_is_trained() -> None:
    found = study(folds=3)
    assert [w["fold"] for w in listed(found, "adapt_fold")] == ["0", "1", "2"]
    assert listed(found, "embed_fold") == [RUN | {"fold": str(fold)} for fold in range(3)]
    assert listed(found, "split_folds") == [{"dataset": "outlines"}]
    without = study(stage=None, pipelines={"ivf-pq": ["exact"]})
    assert trained_stages(without) == []
    rules = {rule for rule, _ in jobs(without)}
    assert not rules & {"split_folds", "adapt_fold", "embed_fold", "train_reranker"}


def test_a_fold_is_adapted_as_its_cell_is() -> None:
    from crossmodal.study.rules import RULES as OTHERS

    found = study()
    own = RULES["adapt_fold"].job(found, **RUN, fold="1")
    assert own == OTHERS["adapt_model"].job(found, **RUN)


def test_a_teacher_comes_before_its_pupil() -> None:
    small = {"kind": "distilled", "candidates": 10, "teacher": "rerank"}
    found = study(stages={"a-small": small}, pipelines={"ivf-pq": ["exact", "a-small"]}, stage="a-small")
    assert trained_stages(found) == ["rerank", "a-small"], "trained though no index is followed by it"
    job = RULES["train_reranker"].job(found, **RUN, stage="a-small", run="0")
    assert list(job.parameters["stages"]) == ["a-small", "rerank"]
    with pytest.raises(UserError, match=r"search\.stages\.a-small\.teacher"):
        study(stages={"a-small": small | {"teacher": "a-small"}})


def test_galleries_begin_with_what_is_asked_about() -> None:
    found = study(galleries={"both": {"distractors": ["crowd", "outlines", "crowd"]}})
    assert [(s.dataset, s.split) for s in gallery(found, "own")] == [("outlines", "test")]
    assert [(s.dataset, s.split) for s in gallery(found, "both")] == [
        ("outlines", "test"), ("crowd", "train"), ("outlines", "train"),
    ]  # fmt: skip
    embedded = gallery_sets(found)
    assert len(set(embedded)) == len(embedded) and set(distractor_sets(found)) <= set(embedded)
    values = RULES["answer_queries"].job(found, **RUN, run="0").parameters
    assert values["sets"] == ["outlines", "crowd", "outlines"]
    assert values["galleries"] == [["own", [0]], ["mixed", [0, 1]], ["both", [0, 1, 2]]]


def test_times_are_of_one_gallery_and_some_are_taken_twice() -> None:
    found = study()
    job = RULES["time_searches"].job(found, **RUN, process="1")
    assert job.parameters["gallery"] == "mixed" and "processes" not in job.parameters["latency"]
    assert again(found) == ["flat", "ivf-pq+rerank"] == job.parameters["again"]
    assert study(timed_gallery=None).room("search").timed() == "own", "that of the claims"
    more = study(latency={"processes": 5})
    assert RULES["time_searches"].job(more, **RUN, process="1") == job, "one process more changes no other"


def test_shifted_captions_ask_beside_clean_ones() -> None:
    assert [name.variant for name in query_sets(study())] == ["clean"]
    default = load_study(read_yaml(ROOT / "params.yaml"), {})
    assert [name.variant for name in query_sets(default)] == ["clean", "typos-3"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"pipelines": {"ivf-pq": ["rerang"]}}, r'search\.pipelines\.ivf-pq: got "rerang".*"rerank"'),
        ({"pipelines": {"hnsw": ["exact"]}}, r"search\.pipelines:.*hnsw"),
        ({"stage": "nnnn"}, r"search\.stage:.*no stage of that index"),
        ({"galleries": {"mixed": {"distractors": ["crowds"]}}}, r"search\.galleries\.mixed\.distractors"),
        ({"expansion": {"indexes": ["ivf"]}}, r"search\.expansion\.indexes"),
        ({"shifts": ["resolution-16"]}, r"search\.shifts:.*no shift of captions in robustness\.shifts"),
        ({"timed_gallery": "nowhere"}, r"search\.timed_gallery"),
        ({"stages": {"refine": {"kind": "exact"}}}, r'no stage can be called "refine"'),
        ({"folds": 1}, r"search\.folds"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        study(**changes)


def test_a_gallery_has_not_the_name_of_a_shift() -> None:
    with pytest.raises(ValueError, match='"typos-3" is a gallery and a shift'):
        Params.model_validate({"galleries": {"typos-3": {}}, "shifts": ["typos-3"]})


def test_what_an_earlier_version_published_is_read() -> None:
    old = {
        "cells": ["lora-r8"], "cell": None, "index": "ivf-pq", "exhaustive": "flat", "distractors": ["web"],
        "own_style": True, "latency": {"warm_up": 50, "measured": 500},
        "indexes": {
            "flat": {"kind": "flat"},
            "ivf-pq": {"kind": "ivf_pq", "nlist": 64, "m": 32, "bits": 8, "nprobe": 8, "refine": False},
        },
        "reranking": {"indexes": ["ivf-pq"], "model": {"candidates": 50}},
        "rescoring": {"indexes": ["ivf-pq"], "candidates": None},
    }  # fmt: skip
    params = Params.model_validate(earlier(old))
    assert params.ways() == ["flat", "ivf-pq", "ivf-pq+exact", "ivf-pq+rerank"]
    assert (params.index, params.stage, params.exhaustive) == ("ivf-pq", "rerank", "flat")
    now = study().room("search").model_dump(mode="json")
    assert earlier(now) is now
