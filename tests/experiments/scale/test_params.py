"""What the experiment may be told: sizes that rise, shards that end at each, jobs that follow."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.experiments.scale import jobs
from crossmodal.experiments.scale.claims import claims
from crossmodal.experiments.scale.params import Params, size_of, system_of, variant
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import rules_of
from crossmodal.study.study import Study, load_study

DEFAULTS = read_yaml(Path("params.yaml"))
INDEX = {"kind": "ivf_pq", "m": 32, "refinement": {"precision": "float16"}}
SCALE = {
    "cell": "lora-r8", "sizes": [1000, 5000], "sources": ["web"], "shard": 1500, "index": INDEX, "reranker": None,
    "exhaustive_up_to": 0, "latency": {"processes": 1},
}  # fmt: skip
WITHOUT = {room: None for room in registry.rooms() if room not in ("scale", "tuning")}


def study(**changes: object) -> Study:
    return load_study(DEFAULTS, WITHOUT | {"scale": SCALE | changes})


def params(**changes: object) -> Params:
    return Params.model_validate({"index": INDEX} | changes)


@given(
    st.lists(st.integers(1, 10**7), min_size=1, max_size=4, unique=True).map(sorted), st.integers(1000, 10**6)
)
def test_shards_are_the_gallery_in_order_and_end_at_every_size(sizes: list[int], shard: int) -> None:
    room = params(sizes=sizes, shard=max(shard, sizes[-1] // 200))
    shards = room.shards()
    assert shards[0].first == 0 and all(0 < one.count <= room.shard for one in shards)
    assert all(one.first + one.count == other.first for one, other in pairwise(shards))
    for size in sizes:
        own = [shards[number] for number in room.shards_of(size)]
        assert sum(one.count for one in own) == size
    assert len(room.shards_of(sizes[-1])) == len(shards)


def test_ten_million_are_cut_into_shards_that_fit_into_memory() -> None:
    room = params(sizes=[10**4, 10**5, 10**6, 10**7])
    assert len(room.shards()) == 42 and max(one.count for one in room.shards()) == 250_000


def test_sizes_must_rise() -> None:
    with pytest.raises(ValidationError, match="must rise"):
        params(sizes=[10, 10])


def test_names_must_be_known() -> None:
    for changes, said in (
        ({"cell": "lora-r9"}, 'scale.cell: got "lora-r9"'),
        ({"sources": ["wab"]}, 'did you mean "web"'),
        ({"reranker": "vectors"}, "stage of the experiment search"),
        ({"index": None}, 'got "null".*accepts: float16'),
        ({"index": INDEX | {"refinement": None}}, 'scale.index.refinement.precision: got "null"'),
        ({"index": INDEX | {"refinement": {"precision": "int8"}}}, 'got "int8"'),
    ):
        with pytest.raises(UserError, match=said):
            study(**changes)


def test_lists_grow_with_the_root_of_the_items_and_are_never_nearly_empty() -> None:
    sizes = [10**4, 10**5, 10**6, 10**7]
    room = params(sizes=sizes, lists_per_root=16)
    assert [room.index_at(size).nlist for size in sizes] == [256, 2048, 16_384, 65_536]
    assert params(sizes=sizes).index_at(10**7) == room.index, "else the index's own rule holds"
    given = params(sizes=sizes, lists_per_root=16, index=INDEX | {"nlist": 7})
    assert given.index_at(10**7).nlist == 7
    flat = params(lists_per_root=16, index={"kind": "flat", "refinement": {"precision": "float16"}})
    assert flat.index_at(10**7) == flat.index


def test_systems_end_at_the_sizes_that_are_given() -> None:
    hnsw = {"kind": "hnsw"}
    room = params(sizes=[10, 100], hnsw=hnsw, hnsw_up_to=10, exhaustive_up_to=100)
    assert room.systems(10) == ["index", "index+exact", "hnsw", "exhaustive"]
    assert room.systems(100) == ["index", "index+exact", "exhaustive"]
    assert room.kinds(100) == ["index"] and room.main() == "index+exact"
    assert params(reranker="vectors").systems(10_000)[-1] == "index+exact+rerank"
    name = variant("index+exact", 100)
    assert (system_of(name), size_of(name)) == ("index+exact", 100)


def test_every_shard_is_a_job_of_its_own_and_each_job_has_a_rule() -> None:
    found = list(grid.jobs(study()))
    rules = rules_of(study())
    for rule, wildcards in found:
        assert rules[rule].job(study(), **wildcards)
    counted = [rule for rule, _ in found]
    assert counted.count("draw_shard") == counted.count("search_shard_exhaustively") == 4
    assert counted.count("fill_scale_index") == 1 + 4
    assert counted.count("time_scale") == 2
    assert "build_scale_hnsw" not in counted
    embedded = [wildcards for rule, wildcards in found if rule == "embed_scale"]
    assert [(one["dataset"], one["split"], one["side"]) for one in embedded] == [
        ("web", "train", "images"), ("openmoji", "val", "captions"),
    ]  # fmt: skip


def test_a_larger_study_makes_no_job_of_a_smaller_one_stale() -> None:
    small, large = study(), study(sizes=[1000, 5000, 20_000], latency={"processes": 3})
    rules = rules_of(small)
    for rule, wildcards in jobs.jobs(small):
        assert rules[rule].job(small, **wildcards) == rules[rule].job(large, **wildcards), rule


def test_without_a_cell_nothing_is_asked_for_and_nothing_claimed() -> None:
    empty = study(cell=None)
    assert list(jobs.jobs(empty)) == [] and "web" in empty.used_datasets()
    assert list(claims(empty.room("scale"), "openmoji", {})) == []


def test_claims_are_about_the_largest_size_and_about_ten_million() -> None:
    found = {claim.id: claim for claim in claims(params(**SCALE), "openmoji", {})}
    place = "scale/lora-r8/s*/openmoji/test/index+exact@5000/text_to_image"
    assert found["H3.latency"].number == f"{place}/latency_p95" and found["H3.latency"].target == 50
    assert found["H3.recall"].number == f"{place}/loss_recall@10" and found["H3.recall"].target == 0.02
    for claim in found.values():
        assert claim.scale == (f"{place}/items", 10_000_000)
        assert ("synthetic items", f"{place}/synthetic_share") in claim.context
    assert [claim.id for claim in found.values() if claim.beside] == ["H3.neighbours", "H3.p99"]


def test_what_a_second_stage_gains_does_not_hide_what_the_index_loses() -> None:
    room = params(**(SCALE | {"reranker": "rerank"}))
    found = {claim.id: dict(claim.context) for claim in claims(room, "openmoji", {})}
    place = "scale/lora-r8/s*/openmoji/test/index+exact@5000/text_to_image"
    assert found["H3.recall"]["exhaustive top ten found"] == f"{place}/index_recall@10", "re-ranked has none"
    assert found["H3.recall"]["with exact refinement alone"] == f"{place}/loss_recall@10"
