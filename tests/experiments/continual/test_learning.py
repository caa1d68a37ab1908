"""Learning a session: bit-identical from run to run, merged, with the loss of a slow loop; answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.experiments.continual import evaluate_sessions, learn_session, search_target
from crossmodal.experiments.continual.answers import Asked, answered
from crossmodal.experiments.continual.learning import SessionData, _loss, learn
from crossmodal.experiments.continual.learning_params import Learnt
from crossmodal.experiments.continual.names import class_features, class_tokens
from crossmodal.experiments.continual.operations import step_flops
from crossmodal.experiments.continual.params import SessionTraining
from crossmodal.experiments.continual.sessions import sessions_of, shots_of
from crossmodal.models import clip, dual_encoder
from crossmodal.models.clip import read_tensors, save_clip
from crossmodal.models.scratch_params import CONFIGS
from crossmodal.registry import parse

CLASSES = ["red", "green", "blue", "dark-grey"]
COLOURS = [(220, 20, 20), (20, 200, 20), (20, 20, 220), (60, 60, 60)]
LORSU = {"kind": "lorsu", "rank": 4, "heads": 1}
ROOM = {"dataset": "colours", "sessions": 2, "shots": 3, "prompts": ["{}", "a picture of {}"]}


def build() -> CLIP:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return clip.build_clip(clip.read_config(CONFIGS / "vit-nano-32.json")).eval()


def picture(number: int, name: str) -> np.ndarray:
    generator = np.random.default_rng(number)
    noise = generator.integers(-20, 20, size=(32, 32, 3))
    return np.clip(np.array(COLOURS[CLASSES.index(name)]) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data() -> SessionData:
    images = np.stack([picture(i, CLASSES[i % 4]) for i in range(20)])
    tokens = class_tokens(build(), CLASSES, ["{}", "a picture of {}"])
    return SessionData(torch.from_numpy(images), torch.arange(20) % 4, tokens, 4)


def test_names_of_classes_are_asked_in_words() -> None:
    model = build()
    assert torch.equal(class_tokens(model, ["dark-grey"], ["a {}."]), clip.tokenize(model, ["a dark grey."]))
    found = class_features(model, class_tokens(model, CLASSES, ["{}", "a {}"]), 4)
    one = dual_encoder.encode_texts(model, clip.tokenize(model, ["green", "a green"])).mean(dim=0)
    torch.testing.assert_close(found[1], one / one.norm())


@pytest.mark.parametrize("kind", ["clip", "classes"])
def test_the_loss_is_that_of_a_slow_loop(kind: str, data: SessionData) -> None:
    model, rows = build(), torch.tensor([0, 1, 4, 5, 8])  # no image of two of the classes
    found = _loss(model, data, SessionTraining(loss=kind), "image")(rows)
    images = dual_encoder.encode_images(model, dual_encoder.to_pixels(data.images[rows]))
    logits = (dual_encoder.logit_scale(model) * images @ class_features(model, data.tokens, 4).T).tolist()
    labels = data.labels[rows].tolist()

    def entropy(values: list[float], right: list[int]) -> float:
        total = np.log(sum(np.exp(value) for value in values))
        return sum(total - values[i] for i in right) / len(right)

    of_images = [entropy(logits[i], [labels[i]]) for i in range(5)]
    of_classes = [
        entropy([row[c] for row in logits], [i for i in range(5) if labels[i] == c])
        for c in sorted(set(labels))
    ]
    expected = np.mean(of_images) if kind == "classes" else (np.mean(of_images) + np.mean(of_classes)) / 2
    assert float(found.detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("towers", ["image", "text", "both"])
def test_a_session_is_learnt_merged_and_the_same_from_run_to_run(towers: str, data: SessionData) -> None:
    training = SessionTraining(epochs=8, batch_size=8, learning_rate=3e-3)
    states, found = [], None
    for _ in range(2):
        model = build()
        found = learn(model, data, parse("updates", LORSU), training, towers, seed=5)
        states.append(model.state_dict())
    assert states[0].keys() == build().state_dict().keys()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert found.losses[-1] < found.losses[0] and found.trained > 0 and found.flops > 0


def test_flops_are_those_of_a_step_forward_and_back(data: SessionData) -> None:
    model, training = build(), SessionTraining(epochs=1)
    forward = learn(build(), data, parse("updates", {"kind": "gradient_mask"}), training, "image", 0).flops
    full = learn(model, data, parse("updates", {"kind": "full"}), training, "image", 0).flops
    assert 0 < forward < full


@pytest.mark.parametrize("groups", [1, 8])
def test_the_way_back_of_a_convolution_is_twice_the_way_there(groups: int) -> None:
    layer = torch.nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False)
    images = torch.rand(4, 8, 10, 10, requires_grad=True)
    there = 2 * 8 * (8 // groups) * 9 * 100
    assert step_flops(lambda rows: layer(images[rows]).sum(), torch.arange(4)) == 3 * there
    layer.requires_grad_(False)
    assert step_flops(lambda rows: layer(images[rows]).sum(), torch.arange(4)) == 2 * there


def test_an_answer_is_right_if_no_other_class_is_as_near() -> None:
    images = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    classes = np.eye(3, dtype=np.float32)
    classes[2] = classes[1]  # a tie of the second and the third
    asked = Asked(
        "d", "test", "clean", ["a", "b", "c"], np.array([1, 1, 2]), ["1", "2", "3", "4"], ["1", "2", "3", "4"],
        np.array([0, 1, 2, 0]), np.zeros((4, 1, 1, 3), np.uint8),
    )  # fmt: skip
    first = answered(asked, images, classes, 1).to_pydict()
    assert first["correct"] == [True, False, False, False]
    assert first["correct_seen"] == [True, True, None, False], "the third class is not learnt yet"
    assert first["session"] == [1, 1, 2, 1] and first["label"] == ["a", "b", "c", "a"]
    assert answered(asked, images, classes, 0).to_pydict()["correct_seen"] == [None] * 4
    assert answered(asked, images, classes, 2).to_pydict()["correct_seen"] == [True, False, False, False]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base model, and coloured pictures."""
    folder = tmp_path_factory.mktemp("colours")
    found = {name: folder / name for name in ("config.json", "weights", "train", "val", "test")}
    save_clip(build(), found["config.json"], found["weights"])
    for offset, (split, count) in enumerate({"train": 20, "val": 8, "test": 24}.items()):
        write_examples(found[split], (
            Example(f"{split}{i}", encode_png(picture(100 * offset + i, CLASSES[i % 4])), "x.png",
                    [f"a {CLASSES[i % 4]} picture"], CLASSES[i % 4], f"g{i // 8}", "")
            for i in range(count)
        ))  # fmt: skip
    return found


def learnt(files: dict[str, Path], folder: Path, before: list[Path], session: int, **values: object) -> Path:
    wildcards = {"cell": "lorsu", "plan": "continual", "order": "0", "session": str(session), **values}
    training = {"epochs": 12, "batch_size": 8, "learning_rate": 3e-3}
    state = folder / f"{wildcards['plan']}{session}.safetensors"
    learn_session.main(
        files["config.json"], files["weights"], [], files["train"], before, state, state.with_suffix(".json"),
        spec={"parameters": {"room": ROOM, "cell": {"update": LORSU, "training": training}}, "seed": 0,
              "threads": 1, "wildcards": wildcards},
    )  # fmt: skip
    return state


def test_sessions_go_on_from_one_another_and_are_asked_about(files: dict[str, Path], tmp_path: Path) -> None:
    one = learnt(files, tmp_path, [], 1)
    two = learnt(files, tmp_path, [one], 2)
    whole = learnt(files, tmp_path, [], 2, plan="joint")
    card = json.loads(two.with_suffix(".json").read_text())
    assert card["classes"] == 2 and card["images"] == 6 and card["trained"] > 0 and card["changed"] > 0
    assert json.loads(whole.with_suffix(".json").read_text())["images"] == 12
    base, first, last = read_tensors(files["weights"]), read_tensors(one), read_tensors(two)
    assert set(first) <= set(last) < set(base)
    assert all(not torch.equal(tensor, base[name]) for name, tensor in last.items())
    table = evaluated(files, tmp_path, [one, two], "names", "group")
    own = table[(table["dataset"] == "colours") & (table["split"] == "test")]
    assert own.groupby("after").size().to_dict() == {0: 24, 1: 24, 2: 24}
    assert set(own["cluster"]) == {"g0", "g1", "g2"} and set(own["session"]) == {1, 2}
    validation = table[table["split"] == "val"]
    assert set(validation["after"]) == {0, 2}, "what is chosen by is how it ends"
    rates = own.groupby("after")["correct"].mean()
    assert rates[2] > rates[0], "colours are easily learnt"
    elsewhere = table[table["dataset"] == "other"]
    assert set(elsewhere["after"]) == {0, 2} and set(elsewhere["session"]) == {0}


def evaluated(
    files: dict[str, Path], folder: Path, states: list[Path], answers: str, cluster: str
) -> pd.DataFrame:
    spec = {
        "parameters": {
            "room": ROOM, "after": [1, 2], "batch_size": 16, "answers": answers,
            "others": [["other", "test", "clean", "image_id"]],
            "sets": [["colours", split, "clean", cluster] for split in ("test", "val")],
        },
        "seed": 0, "threads": 1, "wildcards": {"cell": "lorsu", "plan": "continual", "order": "0"},
    }  # fmt: skip
    evaluate_sessions.main(
        files["config.json"], files["weights"], [], files["train"], [files["test"], files["val"]],
        [files["test"]], states, folder / "answers.parquet", spec,
    )  # fmt: skip
    return pq.read_table(folder / "answers.parquet").to_pandas()


def test_training_images_that_no_shot_is_akin_to_stand_beside_validation(
    files: dict[str, Path], tmp_path: Path
) -> None:
    states = [learnt(files, tmp_path, [], 1), learnt(files, tmp_path, [], 2)]
    table = evaluated(files, tmp_path, states, "names", "image_id")
    labels = [CLASSES[i % 4] for i in range(20)]
    shots = shots_of([f"train{i}" for i in range(20)], labels, Learnt.model_validate(ROOM), 0)
    seen = {f"train{row}" for rows in shots.values() for row in rows}
    asked = set(table[table["split"] == "val"]["image_id"])
    assert (
        len(seen) == 12 and asked == {f"val{i}" for i in range(8)} | {f"train{i}" for i in range(20)} - seen
    )
    whole = evaluated(files, tmp_path, states, "names", "group")
    asked = set(whole[whole["split"] == "val"]["image_id"])
    assert asked == {f"val{i}" for i in range(8)}, "each group has a shot"


def test_a_prototype_is_what_the_weights_after_its_session_see(
    files: dict[str, Path], tmp_path: Path
) -> None:
    one = learnt(files, tmp_path, [], 1)
    two = learnt(files, tmp_path, [one], 2)
    table = evaluated(files, tmp_path, [one, two], "shots", "image_id")
    names = evaluated(files, tmp_path, [one, two], "names", "image_id")
    key = ["dataset", "split", "after", "image_id"]
    same = table.merge(names, on=key, suffixes=("", "_names"))
    before = same[(same["after"] == 0) | (same["dataset"] == "other")]
    assert (before["correct"] == before["correct_names"]).all(), "nothing is kept of what was not seen"
    model = build()
    found = table[table["split"].eq("test") & table["after"].eq(2) & table["dataset"].eq("colours")]
    labels = [CLASSES[i % 4] for i in range(20)]
    shots = shots_of([f"train{i}" for i in range(20)], labels, Learnt.model_validate(ROOM), 0)
    sessions = sessions_of(labels, Learnt.model_validate(ROOM), 0, files["train"])
    kept = {}
    for state, own in zip((one, two), sessions, strict=True):
        model.load_state_dict(build().state_dict() | read_tensors(state))
        for name in own:
            kept[name] = embedded(model, [picture(row, name) for row in shots[name]]).mean(axis=0)
    vectors = np.stack([kept[name] / np.linalg.norm(kept[name]) for name in CLASSES])
    images = embedded(model, [picture(200 + i, CLASSES[i % 4]) for i in range(24)])
    expected = (images @ vectors.T).argmax(axis=1) == np.arange(24) % 4
    assert found["correct"].tolist() == expected.tolist() and expected.mean() > 0.5


def test_names_are_those_of_the_text_tower_after_each_session(files: dict[str, Path], tmp_path: Path) -> None:
    model, states = build(), []
    for session in (1, 2):
        with torch.no_grad():
            model.text_projection += 0.2 * torch.randn(
                model.text_projection.shape, generator=torch.Generator().manual_seed(session)
            )
        states.append(tmp_path / f"text{session}.safetensors")
        save_file({"text_projection": model.text_projection.detach().clone()}, states[-1])
    table = evaluated(files, tmp_path, states, "names", "image_id")
    images = embedded(model, [picture(200 + i, CLASSES[i % 4]) for i in range(24)])
    for after, state in ((1, states[0]), (2, states[1])):
        model.load_state_dict(build().state_dict() | read_tensors(state))
        with torch.inference_mode():
            names = class_features(model, class_tokens(model, CLASSES, ROOM["prompts"]), 4).numpy()
        found = table[table["split"].eq("test") & table["after"].eq(after) & table["dataset"].eq("colours")]
        expected = (images @ names.T).argmax(axis=1) == np.arange(24) % 4
        assert found["correct"].tolist() == expected.tolist()


def embedded(model: CLIP, pictures: list[np.ndarray]) -> np.ndarray:
    with torch.inference_mode():
        pixels = dual_encoder.to_pixels(torch.from_numpy(np.stack(pictures)))
        return dual_encoder.encode_images(model.eval(), pixels).numpy()


def test_captions_of_a_text_tower_that_stays_are_not_embedded_again(
    files: dict[str, Path], tmp_path: Path
) -> None:
    state = learnt(files, tmp_path, [], 1)
    spec = {"parameters": {"batch_size": 16}, "seed": 0, "threads": 1}
    captions = tmp_path / "captions.parquet"
    common = (files["config.json"], files["weights"], [])
    search_target.main(*common, [], [], files["test"], [captions], tmp_path / "before", spec)
    search_target.main(*common, [state], [captions], files["test"], [], tmp_path / "after", spec)
    search_target.main(*common, [state], [], files["test"], [], tmp_path / "again", spec)
    before, after, again = (pq.read_table(tmp_path / name) for name in ("before", "after", "again"))
    assert after.equals(again) and not after.equals(before)


def test_a_class_of_the_test_images_that_has_no_session_is_one_line(
    files: dict[str, Path], tmp_path: Path
) -> None:
    odd = tmp_path / "odd"
    write_examples(odd, [Example("1", encode_png(picture(1, "red")), "x.png", ["x"], "zebra", "g", "")])
    spec = {"parameters": {"room": ROOM, "after": [], "batch_size": 4, "others": [], "answers": "names",
                           "sets": [["colours", "test", "clean", "image_id"]]},
            "seed": 0, "threads": 1, "wildcards": {"order": "0"}}  # fmt: skip
    with pytest.raises(UserError, match='odd: class "zebra" is in no session, as it has no training image'):
        evaluate_sessions.main(
            files["config.json"], files["weights"], [], files["train"], [odd], [], [], tmp_path / "a", spec
        )


def test_equal_learning_whatever_is_beside(data: SessionData) -> None:
    """Batches do not depend on whether an update asks for gradients: updates differ by what they train alone."""
    training = SessionTraining(epochs=2, batch_size=8, learning_rate=1e-3)
    whole = {"kind": "lorsu", "rank": 4, "heads": 2, "sparsity": 0.0}
    states = []
    for update in (whole, {"kind": "lora", "rank": 4}):
        model = build()
        learn(model, data, parse("updates", update), training, "image", seed=5)
        states.append(model.state_dict())
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
