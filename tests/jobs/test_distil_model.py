"""Jobs that make a student, of a base model and of a cell: its card, and the same bytes each time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossmodal.adaptation import methods
from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.jobs.cut_text_tower import main as cut_text_tower
from crossmodal.jobs.distil_model import main as distil_model
from crossmodal.models import clip, towers
from crossmodal.registry import parse

WORDS = ["red", "octopus", "hat", "a"]
LAYERS = {"num_hidden_layers": 2}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.parquet"
    draw = np.random.default_rng(0)
    images = [encode_png(draw.integers(0, 255, (32, 32, 3), np.uint8)) for _ in range(8)]
    examples = [
        Example(f"{i}", image, "", [f"a {WORDS[i % 4]} {WORDS[i // 4]}"], f"{i}", "", "")
        for i, image in enumerate(images)
    ]
    write_examples(path, examples)
    return path


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import transformers

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=12, **LAYERS,
    )  # fmt: skip
    torch.manual_seed(5)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def teacher(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The configuration and weights of a tiny model of two towers."""
    params = parse(
        "models",
        {
            "kind": "towers",
            "image": {"architecture": "test_efficientnet", "weights": "random", "size": 32},
            "text": {"weights": "folder", "folder": str(bert), "context_length": 8},
            "embed_dim": 16,
        },
    )
    model = towers.create(params, 0, [Path(path) for path in params.sources("", "")])
    files = [tmp_path_factory.mktemp("teacher") / name for name in ("config.json", "model.safetensors")]
    clip.save_clip(model, *files)
    return files


@pytest.fixture(scope="module")
def cut(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "config.json"
    cut_text_tower(bert / "config.json", path, {"parameters": {"text": {"layers": 1, "width": None}}})
    return path


def distil(
    folder: Path, teacher: list[Path], data: Path, cut: Path, adapter: list[Path] | None = None, **values: Any
) -> dict[str, Any]:
    """Run the job and return the card."""
    folder.mkdir()
    model = {"kind": "distilled", "teacher": "base", "largest_share": 1.0} | values
    training = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
    spec = {
        "seed": 3, "threads": 1, "parameters": {"model": model, "cell_seed": None, "training": training},
        "wildcards": {"model": "student"},
    }  # fmt: skip
    distil_model(
        *teacher, adapter or [], [], [cut], [data], [data],
        folder / "open_clip_config.json", folder / "open_clip_model.safetensors", folder / "card.json",
        folder / "training.csv", folder / "checkpoints", spec,
    )  # fmt: skip
    found: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return found


def test_a_student_is_a_model_like_any_other(teacher, data, cut, tmp_path: Path) -> None:
    card = distil(tmp_path / "a", teacher, data, cut)
    distil(tmp_path / "b", teacher, data, cut)
    weights = tmp_path / "a" / "open_clip_model.safetensors"
    assert weights.read_bytes() == (tmp_path / "b" / "open_clip_model.safetensors").read_bytes()
    student = clip.load_clip(tmp_path / "a" / "open_clip_config.json", weights)
    assert clip.tokenize(student, ["a red hat"]).shape == (1, 8)
    total = sum(parameter.numel() for parameter in student.parameters())
    assert card["parameters"] == {"total": total, "without_token_table": total - 9 * 32}
    assert card["teacher_parameters"]["total"] > total
    assert card["share"]["total"] == pytest.approx(total / card["teacher_parameters"]["total"])
    assert sum(card["towers"].values()) == total == card["inherited"]
    assert total - 5 * 32 - 13 * 32 <= card["trainable"] < total, "not the rows that no caption looks up"
    assert (card["model"], card["teacher"], card["cell"], card["epochs"]) == ("student", "base", None, 2)
    assert len((tmp_path / "a" / "training.csv").read_text().splitlines()) == 4


def test_statistics_of_an_inherited_tower_stay(teacher, data, cut, tmp_path: Path) -> None:
    distil(tmp_path / "same", teacher, data, cut)
    before = clip.read_tensors(teacher[1])
    after = clip.read_tensors(tmp_path / "same" / "open_clip_model.safetensors")
    statistics = [name for name in before if "running" in name]
    assert statistics and all(torch.equal(before[name], after[name]) for name in statistics)


@pytest.fixture(scope="module")
def adapted(teacher, tmp_path_factory: pytest.TempPathFactory):
    """Return a function that saves an adapter of a method, away from its start, and returns its files."""

    def save(method: dict[str, Any]) -> list[Path]:
        model, params = clip.load_clip(*teacher), parse("adaptation", method)
        methods.attach(model, params, 0)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.05)
        files = [tmp_path_factory.mktemp("cell") / name for name in ("adapter.json", "adapter.safetensors")]
        methods.save_adapter(model, params, *files)
        return files

    return save


def test_a_student_of_a_fine_tuned_cell(teacher, data, cut, adapted, tmp_path: Path) -> None:
    """It starts with the weights of the adapted model, adapter merged, and follows that one."""
    distil(tmp_path / "base", teacher, data, cut)
    card = distil(tmp_path / "cell", teacher, data, cut, adapted({"kind": "lora", "rank": 2}), cell="lora")
    assert card["cell"] == "lora" and card["inherited"] == card["parameters"]["total"]
    weights = [
        clip.read_tensors(tmp_path / name / "open_clip_model.safetensors") for name in ("base", "cell")
    ]
    name = "text.transformer.encoder.layer.0.attention.self.query.weight"
    assert (weights[0][name] - weights[1][name]).abs().max() > 1e-3


def test_a_cell_that_cannot_be_merged_teaches_no_student(teacher, data, cut, adapted, tmp_path: Path) -> None:
    files = adapted({"kind": "adapter", "bottleneck": 4})
    with pytest.raises(UserError, match="the method adapter adds modules that no student can inherit from"):
        distil(tmp_path / "x", teacher, data, cut, files, cell="adapter")


def test_a_student_that_is_too_large_is_refused_before_training(teacher, data, cut, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at most 55% are allowed"):
        distil(tmp_path / "x", teacher, data, cut, largest_share=0.55)
    assert not (tmp_path / "x" / "checkpoints").exists()


def test_the_text_tower_of_a_student_is_described_in_its_teachers_words(bert: Path, cut: Path) -> None:
    before, after = (json.loads(path.read_text()) for path in (bert / "config.json", cut))
    assert after == before | {"num_hidden_layers": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"model_type": "t5"}', "it is t5, whose sizes have other names"),
        ("{", "no text tower that a student"),
    ],
)
def test_no_description_of_a_text_tower(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        cut_text_tower(path, tmp_path / "cut.json", {"parameters": {"text": {}}})
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)
