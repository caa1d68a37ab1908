"""`crossmodal plan`: counts that follow from parameters, and a study of papers without its data."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

from crossmodal import registry
from crossmodal.commands.plan import _jobs
from crossmodal.commands.planning.known import Known, Work
from crossmodal.commands.planning.networks import measure
from crossmodal.commands.planning.sizes import Size, expected_size
from crossmodal.commands.planning.throughput import Throughput, recorded, whole_jobs
from crossmodal.commands.planning.work import work_of
from crossmodal.models import clip
from crossmodal.models.scratch_params import CONFIGS
from crossmodal.study.grid import jobs
from crossmodal.study.specs import spec
from crossmodal.study.study import load_study

ROOT = Path(__file__).resolve().parents[2]


def size(**values):
    """Return images by split of a dataset of class lists with such parameters."""
    params = registry.parse("data", {"kind": "class_lists", "images": "x", "split_file": "y", **values})
    found = expected_size(params)
    return found and dict(found.images)


def test_counts_are_those_that_are_expected() -> None:
    assert size() is None
    assert size(expected={"labels": 3}) is None
    assert size(expected={"train": 6, "val": 2, "test": 4}) == {"train": 6, "val": 2, "test": 4}
    assert size(expected={"images": 12, "test": 4}) == {"train": 4, "val": 4, "test": 4}
    assert size(expected={"images": 1000, "train": 600, "val": 200, "test": 200}, limit=100) == {
        "train": 60, "val": 20, "test": 20,
    }  # fmt: skip
    parts = {"kind": "imagefolder", "folder": "x", "splits": {"train": "train", "val": "test"}}
    found = expected_size(registry.parse("data", {**parts, "expected": {"images": 100, "test": 20}}))
    assert found and found.images == {"train": 80, "val": 0, "test": 20}, "there is no folder of validation"
    folder = {"kind": "imagefolder", "folder": "x", "templates": ["a {}", "{}"], "image_size": 100}
    shares = {"split": {"train": 0.5, "val": 0.1, "test": 0.4}, "expected": {"images": 200}}
    found = expected_size(registry.parse("data", folder | shares))
    assert found and found.images == {"train": 100, "val": 20, "test": 80}
    assert found.captions["train"] == 200 and found.bytes == pytest.approx(
        200 * 1.7 * 100 * 100 * 4 / 3, abs=1
    )


def test_a_network_without_memory_costs_what_one_with_weights_does() -> None:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    with torch.device("meta"):
        empty = measure(clip.build_clip(config))
    real = measure(clip.build_clip(config))
    for name in ("image_flops", "text_flops", "parameters", "dimension"):
        assert getattr(empty, name) == getattr(real, name)
    # What attention keeps is up to the kernel that a device has.
    assert empty.image_activations == pytest.approx(real.image_activations, rel=0.1)
    assert empty.text_activations == pytest.approx(real.text_activations, rel=0.1)
    batch = 2 * 32 * 32 * 3
    assert empty.image_flops > batch and empty.image_activations > 0 and empty.parameters > 0


@pytest.fixture(scope="module")
def paper() -> Known:
    """The study of papers, with datasets of round sizes and one network for all of its models."""
    overlay = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())
    study = load_study(yaml.safe_load((ROOT / "params.yaml").read_text()), overlay)
    counts = Size(
        {"train": 1000, "val": 100, "test": 200}, {"train": 5000, "val": 500, "test": 1000}, 10, False
    )
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    network = measure(clip.build_clip(config))
    return Known(
        study, dict.fromkeys(study.used_datasets(), counts), dict.fromkeys(study.used_models(), network)
    )


def test_every_job_is_planned_once_and_training_takes_its_passes(paper: Known) -> None:
    works = list(work_of(paper))
    assert [(work.rule, dict(work.wildcards)) for work in works] == [
        (r, dict(w)) for r, w in jobs(paper.study)
    ]
    network = next(iter(paper.networks.values()))
    assert network
    pair = network.image_flops + network.text_flops
    by_cell = {w.wildcards["cell"]: w for w in works if w.rule == "adapt_model"}
    epochs = paper.study.adaptation.training.epochs
    validation = epochs * (100 * network.image_flops + 500 * network.text_flops)
    assert by_cell["full"].flops == epochs * 1000 * 3 * pair + validation
    assert by_cell["lora-r8"].flops == epochs * 1000 * 2 * pair + validation
    assert by_cell["zero-shot"].flops == 0
    attacked = 0.5 * epochs * 1000 * 2 * 7 * pair  # seven steps on half of each batch, both towers
    checked = epochs * 48 * 2 * 3 * network.image_flops  # the validation attack of params.yaml
    assert by_cell["lora-r8-pgd"].flops == by_cell["lora-r8"].flops + attacked + checked
    assert by_cell["full"].memory > by_cell["lora-r8"].memory > 0
    assert by_cell["full"].disk == 4 * network.parameters and by_cell["lora-r8"].disk == 0
    target = next(work for work in works if work.rule == "embed_target")
    assert target.flops == 200 * network.image_flops + 1000 * network.text_flops


@pytest.fixture(scope="module")
def default() -> Known:
    """The default study, with datasets of 100 classes and one network for all of its models."""
    study = load_study(yaml.safe_load((ROOT / "params.yaml").read_text()), {})
    counts = Size(
        {"train": 1000, "val": 500, "test": 200}, {"train": 1000, "val": 500, "test": 200}, 10, False, 100
    )
    network = measure(clip.build_clip(clip.read_config(CONFIGS / "vit-nano-32.json")))
    return Known(
        study, dict.fromkeys(study.used_datasets(), counts), dict.fromkeys(study.used_models(), network)
    )


def test_few_shots_take_the_views_of_what_is_drawn_and_the_steps_of_prompts(default: Known) -> None:
    works = {work.rule: work for work in work_of(default) if work.wildcards.get("dataset") != "web"}
    network, room = next(iter(default.networks.values())), default.study.room("few_shot")
    assert network and max(room.shots) == 16 and room.validation_shots == 4 and room.draws == [0]
    images = room.views * 1000 + 400 + 200  # 16 shots of 100 classes are more than there are
    texts = 100 * len(room.prompts)
    assert works["embed_classes"].flops == images * network.image_flops + texts * network.text_flops
    steps = room.methods["coop"].steps
    assert works["time_classifiers"].flops == steps * 100 * 2 * network.text_flops
    assert works["fit_classifiers"].flops == len(room.shots) * works["time_classifiers"].flops
    assert works["fit_classifiers"].trains and not works["embed_classes"].trains


def test_sessions_take_the_passes_of_their_update_and_one_more_to_choose_by(default: Known) -> None:
    works = list(work_of(default))
    network, room = next(iter(default.networks.values())), default.study.room("continual")
    assert network and room.sessions == 5
    by_cell = {work.wildcards["cell"]: work for work in works if work.rule == "learn_session"}
    images, names = 20 * room.shots * network.image_flops, 20 * len(room.prompts) * network.text_flops
    epochs = room.training.epochs
    assert by_cell["lora"].flops == epochs * 2 * images + names
    assert by_cell["lorsu"].flops == by_cell["lora"].flops + 3 * images
    assert by_cell["lorsu"].disk == 4 * network.image_parameters
    pair = 100 * len(room.prompts) * network.text_flops
    answered = next(work for work in works if work.rule == "evaluate_sessions")
    # Test images before and after each of five sessions, val and training images beside it at both ends.
    sets = 6 * (200 * network.image_flops + pair) + 2 * (1500 * network.image_flops + pair)
    assert answered.flops == sets + 2 * (200 * network.image_flops + pair)
    base, after = (next(w for w in works if w.rule == rule) for rule in ("search_base", "search_after"))
    assert base.flops == 200 * (network.image_flops + network.text_flops)
    assert after.flops == 200 * network.image_flops


def test_work_on_classes_is_not_known_before_they_are_counted(default: Known) -> None:
    sizes = {
        name: Size(size.images, size.captions, 10, False) for name, size in default.sizes.items() if size
    }
    works = list(work_of(Known(default.study, sizes, default.networks)))
    unknown = {work.rule for work in works if work.flops is None}
    rules = {"embed_classes", "fit_classifiers", "time_classifiers", "learn_session", "evaluate_sessions"}
    assert unknown == rules


def test_names_of_rules_are_whole_in_a_narrow_terminal() -> None:
    rules = ["evaluate_sessions", "number_robustness", "build_dataset"]
    console = Console(width=80, record=True)
    console.print(
        _jobs([Work(rule, {}, 1e15, True, 1e9, 1e9) for rule in rules], Throughput(1, 1, "cpu", ""), 30)
    )
    shown = console.export_text()
    assert all(rule in shown for rule in rules), shown


def test_what_is_not_known_is_not_a_zero(paper: Known) -> None:
    nothing = Known(paper.study, dict.fromkeys(paper.sizes), dict.fromkeys(paper.networks))
    known = {work.rule for work in work_of(nothing) if work.flops is None}
    assert {"build_model", "adapt_model", "embed_target", "evaluate_attacks", "distil_model"} <= known


def test_throughput_is_that_of_the_jobs_that_ran() -> None:
    works = [
        Work("adapt_model", {"cell": "a", "seed": "0"}, 4e12, True),
        Work("embed_target", {"cell": "a", "seed": "0"}, 1e12, False),
        Work("embed_target", {"cell": "b", "seed": "0"}, 1e9, False),
    ]

    def ran(work: Work, end: str, threads: int = 1) -> dict:
        start = "2026-01-01T00:00:00+00:00"
        times = {"started": start, "ended": f"2026-01-01T00:00:{end}+00:00"}
        return {"rule": work.rule, "wildcards": work.wildcards, "device": "cpu", "threads": threads, **times}

    assert recorded(works, {"x": ran(works[0], "40")}, "s") is None
    manifests = {"x": ran(works[0], "40", 2), "y": ran(works[1], "20"), "z": ran(works[2], "02")}
    found = recorded(works, manifests, "s")
    assert found and (found.training, found.inference) == (5e10, 5e10)
    assert found.hours(works[0]) == pytest.approx(80 / 3600)
    assert Throughput(1, 1, "cpu", "").hours(Work("x", {}, None)) is None


def test_jobs_count_that_did_at_one_go_what_the_study_asks() -> None:
    study = load_study(yaml.safe_load((ROOT / "params.yaml").read_text()), {})
    wildcards = {"cell": "full", "seed": "0"}
    asked = json.loads(spec(study, "adapt_model", **wildcards))
    job = {"rule": "adapt_model", "wildcards": wildcards, "spec": asked}
    changed = {**asked, "parameters": {**asked["parameters"], "training": {"epochs": 1}}}
    manifests = {
        "whole": job,
        "resumed": {**job, "resumed_from": ["epoch-1"]},
        "changed": {**job, "spec": changed},
        "gone": {**job, "wildcards": {"cell": "fuller", "seed": "0"}},
        "other": {**job, "rule": "adapt_something"},
    }
    assert list(whole_jobs(study, manifests)) == ["whole"]


def test_a_frozen_text_tower_takes_one_pass() -> None:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    study = load_study(values, {})
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    network = measure(clip.build_clip(config))
    counts = Size(
        dict.fromkeys(("train", "val", "test"), 10), dict.fromkeys(("train", "val", "test"), 20), 1, False
    )
    known = Known(
        study, dict.fromkeys(study.used_datasets(), counts), dict.fromkeys(study.used_models(), network)
    )
    work = next(w for w in work_of(known) if w.wildcards.get("model") == "encoder-lite0")
    epochs = study.models["encoder-lite0"].training.epochs
    assert work.flops == epochs * 10 * (3 * network.image_flops + network.text_flops)


def test_the_study_of_papers_is_planned_without_network_and_data(crossmodal, monkeypatch, tmp_path) -> None:
    for name in ("params.yaml", "studies"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = crossmodal("plan", "--configfile", "studies/paper.yaml", "--teraflops", "50")
    assert done.status == 0, done.err
    assert done.out.startswith("study paper: ")
    for text in ("flickr30k", "155,070", "CC BY-SA 4.0", "hub: ViT-B-32/laion2b_s34b_b79k, not pinned",
                 "GPU hours, 50 TFLOP/s", "adapt_model", "as given"):  # fmt: skip
        assert text in done.out, text
    assert list(tmp_path.iterdir()) and not (tmp_path / "results").exists()


def test_an_overlay_that_is_not_there_is_one_line(crossmodal) -> None:
    done = crossmodal("plan", "--configfile", "studies/papers.yaml")
    assert done.status == 1 and "studies/papers.yaml: no such file" in done.err and done.err.count("\n") == 1
