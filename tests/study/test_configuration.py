"""Parameters: what is wrong is said in one line, before anything runs."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.parameters import merge
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml, typed_scalars
from crossmodal.study.specs import spec
from crossmodal.study.study import check_files, load_study

DEFAULTS = read_yaml(Path("params.yaml"))
FLUENT = {"method": {"kind": "lora", "rank": 8}, "dataset": "fluent", "training": {}}
"""A cell that is adapted to another dataset."""


def problem(overrides: dict) -> str:
    with pytest.raises(UserError) as caught:
        load_study(DEFAULTS, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_default_study_and_overlays_are_valid() -> None:
    assert load_study(DEFAULTS, {}).study == "emoji"
    for overlay in sorted(Path("studies").glob("*.yaml")):
        study = load_study(DEFAULTS, read_yaml(overlay))
        assert study.study == overlay.stem


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        ({"adaptaton": {}}, ['got "adaptaton"', 'did you mean "adaptation"?', "accepts: study, seeds"]),
        (
            {"adaptation": {"cells": {"lora-r8": {"method": {"rnak": 4}}}}},
            ["adaptation.cells.lora-r8.method:", 'got "rnak"', 'did you mean "rank"?'],
        ),
        (
            {"adaptation": {"cells": {"lora-r8": {"method": {"rank": "eight"}}}}},
            ["adaptation.cells.lora-r8.method.rank: got 'eight'; accepts an integer"],
        ),
        (
            {"adaptation": {"cells": {"lora-8": {"training": {"learning_rate": 1.0e-3}}}}},
            ["adaptation.cells.lora-8.method: is missing", 'did you mean "lora-r8" by "lora-8"?'],
        ),
        (
            {"datasets": {"openmojis": {"limit": 3}}},
            [
                "datasets.openmojis: has no kind; accepts a mapping with kind: KIND",
                "one of class_lists, coco, csv, digits, emoji, emoji_classes, huggingface, icon_classes",
                'did you mean "openmoji" by "openmojis"?',
            ],
        ),
        (
            {"adaptation": {"training": {"learning_rate": "1e-3"}}},
            ["learning_rate: got '1e-3', which YAML takes for text; write 1.0e-3", "more errors)"],
        ),
        ({"models": {"towers": {"alignment": {"learning_rate": "25E2"}}}}, ["takes for text; write 25.0e+2"]),
        (
            {"adaptation": {"cells": {"lora-r8": {"method": {"rank": 0}}}}},
            ["method.rank: got 0; accepts greater than or equal to 1"],
        ),
        (
            {"adaptation": {"cells": {"mine": {"method": {"kind": "lorra"}}}}},
            ["adaptation.cells.mine.method: kind: got 'lorra'; did you mean \"lora\"?; accepts", "bitfit"],
        ),
        ({"adaptation": {"dataset": "openmoij"}}, ["adaptation.dataset:", 'did you mean "openmoji"?']),
        (
            {"shifts": {"jpeg-4": {"name": "jpeg"}}},
            ["shifts.jpeg-4.name: got 'jpeg'", "jpeg_compression"],
        ),
        ({"shifts": {"jpeg-4": {"severity": 9}}}, ["shifts.jpeg-4.severity: got 9; accepts less than"]),
        (
            {"robustness": {"attacks": {"threats": {"text": {"attack": {"steps": 0}}}}}},
            ["robustness.attacks.threats.text.attack.steps: got 0; accepts greater than or equal to 1"],
        ),
        (
            {"robustness": {"attacks": {"threats": {"text": {"attack": {"kind": "pgd_images"}}}}}},
            ['threat text: the attack "pgd_images" is one on images'],
        ),
        (
            {"adaptation": {"cells": {"lora-r8": {"dataset": "web"}}}},
            ["adaptation.cells.lora-r8.dataset:", "which is no evaluated dataset", "fluent"],
        ),
        (
            {"robustness": {"attacks": {"cells": ["ful"]}}},
            ["robustness.attacks.cells:", "which is no cell of the target"],
        ),
        (
            {"robustness": {"pairs": {"lora": {"adversarial": "full-pgd"}}}},
            [
                "robustness.pairs.lora.adversarial:",
                "which is no adversarially trained twin of lora-r8",
                "lora-r8-pgd",
            ],
        ),
        ({"robustness": {"controls": ["sketch-3"]}}, ["robustness.controls:", "which is no shift of texts"]),
        (
            {"robustness": {"adversarial": "full"}},
            ["robustness.adversarial:", "which is no cell of the target with an adversary"],
        ),
        (
            {"robustness": {"standard": "lora-r8-pgd"}},
            ["robustness.standard:", "which is no cell of the target without an adversary"],
        ),
        (
            {"search": {"exhaustive": "ivf-pq"}},
            ["search.exhaustive:", 'got "ivf-pq", which is no index of kind flat', "accepts: flat"],
        ),
        (
            {"robustness": {"pairs": {"lora": {"standard": "lora-r8-pgd"}}}},
            ["robustness.pairs.lora.standard:", "which is no cell of the target without an adversary"],
        ),
        (
            {"adaptation": {"cells": {"lora-r8-pgd": {"method": {"kind": "full"}}}}},
            ["robustness.pairs.lora.adversarial:", "a cell with its kind of method, model and dataset"],
        ),
        (
            {"robustness": {"pairs": {"standard": {"standard": "full", "adversarial": "full-pgd"}}}},
            ["a pair cannot be named standard"],
        ),
        (
            {
                "adaptation": {"cells": {"there": FLUENT}},
                "peft": {"elsewhere": {"x": {"cell": "lora-r8", "reference": "there"}}},
            },
            ["peft.elsewhere.x.cell:", "which is no cell with the dataset and model of there"],
        ),
        ({"seed_groups": {"more": {"cells": ["full"], "seeds": [7]}}}, ["full", "in two groups"]),
        (
            {"adaptation": {"cells": {"lora-r8-pgd": {"adversary": {"images": {"epsilon": -0.1}}}}}},
            ["adversary.images.epsilon: got -0.1; accepts greater than or equal to 0"],
        ),
        ({"search": {"cells": ["lora"]}}, ["search.cells:", 'did you mean "lora-r8"?']),
        ({"seeds": []}, ["seeds:"]),
        ({"study": "../evil"}, ["study: got '../evil'"]),
        ({"study": None}, ["study: got None"]),
        (
            {"adaptation": {"cells": {"lora-r8-pgd": {"adversary": {"images": {"epsilon": 8}}}}}},
            ["adversary.images: epsilon of norm linf is at most 1", 'write "8/255" for 8'],
        ),
        (
            {"models": {"base": {"kind": "scratch", "config": "vit-nano-32"}}},
            ["models.base: a model of kind scratch needs datasets and training"],
        ),
        ({"models": {"towers": {"datasets": ["wbe"]}}}, ["models.towers.datasets:", 'did you mean "web"?']),
        (
            {"models": {"base": {"kind": "scratch", "config": "vit-nano"}}},
            ["models.base.config:", "nearest 'vit-nano-32'"],
        ),
        ({"models": dict.fromkeys(DEFAULTS["models"])}, ["models: got 0 of them; accepts at least 1"]),
        (
            {"adaptation": {"cells": {"full": {"model": "twoers"}}}},
            ["cells.full.model:", 'did you mean "towers"?'],
        ),
        ({"peft": {"cel": "full"}}, ["peft:", 'got "cel"', 'did you mean "cell"?']),
        ({"robustness": {"shifts": ["jpeg-3"]}}, ["robustness.shifts:", "which is no shift", '"jpeg-4"?']),
        ({"search": {"index": "ivfpq"}}, ["search.index:", "which is no index", 'did you mean "ivf-pq"?']),
        ({"evaluation": {"domains": ["twemojis"]}}, ["evaluation.domains:", 'did you mean "twemoji"?']),
        ({"seeds": [0, 0]}, ["seeds: got [0, 0], with 0 more than once; accepts each seed once"]),
        ({"seeds": [0, 2**32]}, ["seeds.1: got 4294967296; accepts less than 4294967296"]),
        ({"seeds": [0, -1]}, ["seeds.1: got -1; accepts greater than or equal to 0"]),
        (
            {"adaptation": {"cells": {"full": {"seeds": [-3]}}}},
            ["adaptation.cells.full.seeds.0: got -3; accepts greater than or equal to 0"],
        ),
        ({"few_shot": {"draws": [-1]}}, ["few_shot.draws.0: got -1; accepts greater than or equal to 0"]),
        ({"continual": {"orders": [-1]}}, ["continual.orders.0: got -1; accepts greater than or equal to 0"]),
        (
            {"seed_groups": {"headline": {"cells": ["full"], "seeds": [1, 2, 1]}}},
            ["seed_groups.headline.seeds: got [1, 2, 1], with 1 more than once"],
        ),
        (
            {"adaptation": {"cells": {"full": {"seeds": [3, 3]}}}},
            ["adaptation.cells.full.seeds: got [3, 3], with 3 more than once"],
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_what_it_accepts(overrides: dict, parts: list[str]) -> None:
    message = problem(overrides)
    for part in parts:
        assert part in message, message


def test_a_file_of_the_user_that_is_missing_is_named() -> None:
    own = {"split_file": "no/such.json", "images": "no/such", "source": "x", "licence": "y"}
    mine = {"datasets": {"mine": {"kind": "karpathy", **own}}, "evaluation": {"domains": ["fluent", "mine"]}}
    with pytest.raises(UserError, match=r"datasets\.mine\.split_file: got 'no/such\.json', which is no file"):
        check_files(load_study(DEFAULTS, mine))
    unused = {"datasets": mine["datasets"]}
    check_files(load_study(DEFAULTS, unused))


def test_openai_weights_need_the_quickgelu_architecture() -> None:
    hub = {"kind": "hub", "architecture": "ViT-B-32", "pretrained": "openai"}
    message = problem({"models": {"base": hub}})
    assert message.startswith("parameters: models.base: ") and "ViT-B-32-quickgelu" in message


TOWERS = {
    "kind": "towers",
    "image": {"architecture": "tf_efficientnet_lite0", "weights": "efficientnet-lite0", "size": 64},
    "text": {"weights": "minilm"},
    "datasets": ["web"],
}
SCRATCH = {
    "kind": "scratch", "config": "vit-tiny-48", "datasets": ["web"],
    "training": {"epochs": 1, "batch_size": 8, "learning_rate": 1.0e-3},
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "instead"),
    [
        ({"kind": "vpt"}, "a method without image prompts, such as coop or lora"),
        ({"kind": "maple"}, "a method without image prompts, such as coop or lora"),
        ({"kind": "cocoop"}, "towers: text"),
        ({"kind": "cocoop", "towers": "image"}, "another method"),
    ],
)
def test_a_cell_that_its_model_cannot_take_is_one_line(method: dict, instead: str) -> None:
    models = {"models": {"cnn": TOWERS, "vit": SCRATCH}}
    cell = {"method": method, "training": {}, "model": "cnn"}
    message = problem(models | {"adaptation": {"cells": {"mine": cell}}})
    assert message == (
        f"parameters: adaptation.cells.mine.method: {method['kind']} has image prompts, which need open_clip's"
        " vision transformer; the image tower of models.cnn is tf_efficientnet_lite0; write model: vit, or"
        f" {instead}"
    )
    load_study(DEFAULTS, models | {"adaptation": {"cells": {"mine": cell | {"model": "vit"}}}})


def test_prompts_of_the_text_alone_suit_every_image_tower() -> None:
    cells = {
        name: {"method": method, "training": {}, "model": "cnn"}
        for name, method in (("a", {"kind": "coop"}), ("b", {"kind": "cocoop", "towers": "text"}))
    }
    load_study(DEFAULTS, {"models": {"cnn": TOWERS}, "adaptation": {"cells": cells}})


def test_merge_rules() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "m": {"kind": "one", "p": 1}, "gone": {"k": 1}}
    over = {"a": {"y": [3]}, "m": {"kind": "two", "q": 2}, "gone": None, "new": 5}
    expected = {"a": {"x": 1, "y": [3]}, "m": {"kind": "two", "q": 2}, "new": 5}
    before = deepcopy(base)
    assert merge(base, over) == expected
    assert base == before, "the defaults are not changed in place"


def test_values_from_the_command_line_have_their_types() -> None:
    given = {"a": {"rank": "4", "lr": "1.0e-2", "on": "true", "none": "null", "eps": "8/255", "name": "full"}}
    assert typed_scalars(given) == {
        "a": {"rank": 4, "lr": 0.01, "on": True, "none": None, "eps": "8/255", "name": "full"}
    }
    study = load_study(DEFAULTS, {"adaptation": {"cells": {"lora-r8": {"method": {"rank": "4"}}}}})
    assert study.adaptation.cells["lora-r8"].method.rank == 4


trees = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abcd"), trees), st.dictionaries(st.sampled_from("abcd"), trees))
@settings(max_examples=40)
def test_merge_keeps_the_order_of_keys_and_is_idempotent(base: dict, over: dict) -> None:
    merged = merge(base, over)
    assert list(merged)[: len(base)] == list(base)
    assert merge(merged, over) == merged
    assert merge(base, {}) == base


def test_yaml_errors_name_file_and_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("study: emoji\nseeds: [0\nshifts: {}\n")
    with pytest.raises(UserError, match=r"broken\.yaml, line 3: not valid YAML"):
        read_yaml(broken)
    with pytest.raises(UserError, match="no such file"):
        read_yaml(tmp_path / "absent.yaml")
    broken.write_text("- a\n- b\n")
    with pytest.raises(UserError, match="expected a mapping"):
        read_yaml(broken)


def test_resolved_parameters_are_parameters_again() -> None:
    """What `study.json` records can be read back to the same study."""
    study = load_study(DEFAULTS, {})
    again = yaml.safe_load(yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False))
    assert type(study).model_validate(again) == study
    # A record sorts what it holds, so that no model is the first; it says of each cell which one it adapts.
    recorded = type(study).model_validate(json.loads(spec(study, "record_study"))["parameters"]["study"])
    cells = study.adaptation.cells
    assert {cell: recorded.model_of(cell) for cell in cells} == {cell: study.model_of(cell) for cell in cells}


def test_seeds_come_from_the_cell_its_group_or_the_study() -> None:
    study = load_study(
        DEFAULTS,
        {
            "seeds": [5],
            "seed_groups": {"headline": {"cells": ["full", "lora-r8"], "seeds": [1, 2]}},
            "adaptation": {"cells": {"lora-r8": {"seeds": [9]}}},
        },
    )
    assert [study.seeds_of(cell) for cell in ("full", "lora-r8", "bitfit")] == [[1, 2], [9], [5]]


def test_a_cell_of_another_dataset_is_evaluated_on_all_clean_sets_and_no_shift() -> None:
    study = load_study(DEFAULTS, {"adaptation": {"cells": {"lora-r8-fluent": FLUENT}}})
    assert study.target_of("lora-r8-fluent") == "fluent" and study.target_of("lora-r8") == "openmoji"
    rules = {
        cell: {rule for rule, wildcards in grid.jobs(study) if wildcards.get("cell") == cell}
        for cell in ("lora-r8-fluent", "lora-r8")
    }
    clean = {f"{step}_{sets}" for step in ("embed", "evaluate") for sets in ("target", "domains")}
    shifted = {"embed_shifted", "evaluate_shifted"}
    assert rules["lora-r8-fluent"] == {"adapt_model"} | clean
    assert rules["lora-r8"] >= rules["lora-r8-fluent"] | shifted
    assert study.evaluated_datasets() == ["openmoji", "fluent", "twemoji", "monotone", "high-contrast"]
    assert {
        (name.dataset, name.split, name.variant) for name in study.target_sets() + study.domain_sets()
    } == {(dataset, "test", "clean") for dataset in study.evaluated_datasets()}


def test_a_cell_adapts_the_model_that_it_names_or_the_first() -> None:
    other = {"kind": "scratch", "config": "vit-nano-32", "datasets": ["twemoji"], "training": {"epochs": 1}}
    plain = load_study(DEFAULTS, {})
    named = {"models": {"other": other, "spare": other}}
    study = load_study(DEFAULTS, named)
    unnamed = [cell for cell, params in study.adaptation.cells.items() if params.model is None]
    assert "full" in unnamed and {study.model_of(cell) for cell in unnamed} == {"towers"}
    assert study.used_models() == plain.used_models(), "a model that no cell adapts is not made"
    study = load_study(DEFAULTS, named | {"adaptation": {"cells": {"bitfit": {"model": "other"}}}})
    assert study.model_of("bitfit") == "other" and study.used_models() == [*plain.used_models(), "other"]


def test_a_study_without_an_experiment_does_not_have_its_jobs_nor_its_key() -> None:
    study = load_study(DEFAULTS, {"search": None, "scale": {"reranker": None}})
    assert study.rooms() == [name for name in load_study(DEFAULTS, {}).rooms() if name != "search"]
    assert "search" not in study.model_dump(mode="json")
    rules = {rule for rule, _ in grid.jobs(study)}
    assert {"number_peft", "draw_robustness"} <= rules
    absent = {"number_search", "draw_search", *registry.room("search", "jobs").RULES}
    assert not rules & absent
