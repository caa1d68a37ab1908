"""Models with a text tower of Hugging Face or an image tower of timm, without a network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
import transformers
from open_clip.model import CLIP, CustomTextCLIP

from crossmodal import registry
from crossmodal.adaptation.methods import parameter_counts
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder, scratch
from crossmodal.provenance.manifest import build_manifest, now, write_manifest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "octopus", "hat"]
CAPTIONS = ["a red octopus", "a hat", "a zebra " * 20]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny BERT: a configuration and a WordPiece vocabulary."""
    folder = tmp_path_factory.mktemp("bert")
    transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=12,
    ).save_pretrained(folder)  # fmt: skip
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


@pytest.fixture
def text(bert: Path) -> dict[str, Any]:
    return {"hf_model_name": str(bert), "hf_tokenizer_name": str(bert), "context_length": 8}


VIT = {"image_size": 32, "patch_size": 8, "width": 64, "layers": 1, "head_width": 32}
CNN = {"timm_model_name": "test_efficientnet", "image_size": 32, "timm_model_pretrained": True}
OWN_TEXT = {"context_length": 24, "width": 32, "heads": 2, "layers": 1}


def configuration(vision: dict[str, Any], text: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text, **more},
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3},
    }


def create(config: dict[str, Any]) -> CLIP:
    return scratch.create(registry.parse("models", {"kind": "scratch", "config": config}), seed=0)


def embeddings(model: CLIP) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return (
            dual_encoder.encode_images(model, pixels),
            dual_encoder.encode_texts(model, clip.tokenize(model, CAPTIONS)),
        )


@pytest.mark.parametrize("own", [True, False], ids=["clip", "hugging_face"])
@pytest.mark.parametrize("vision", [VIT, CNN], ids=["vit", "cnn"])
@pytest.mark.parametrize("custom", [True, False])
def test_saved_and_loaded_and_opened_by_open_clip(text, tmp_path: Path, vision, own, custom) -> None:
    model = create(configuration(vision, OWN_TEXT if own else text, custom_text=custom))
    assert type(model) is (CustomTextCLIP if custom or not own else CLIP)
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    files = tmp_path / "open_clip_config.json", tmp_path / "open_clip_model.safetensors"
    clip.save_clip(model, *files)
    loaded = clip.load_clip(*files)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in model.state_dict().items())
    assert all(value.dtype == loaded.state_dict()[key].dtype for key, value in model.state_dict().items())
    theirs, _ = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path}")
    theirs.eval()
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = (
            theirs.encode_image((pixels - 0.5) / 0.25, normalize=True),
            theirs.encode_text(clip.tokenize(model, CAPTIONS), normalize=True),
        )
    for ours, again, others in zip(embeddings(model), embeddings(loaded), expected, strict=True):
        assert torch.equal(ours, again)
        assert torch.allclose(ours, others, atol=1e-6)
    total = sum(p.numel() for p in model.parameters())
    counts = parameter_counts(model)
    assert counts["total"] == total == counts["total_image"] + counts["total_text"] + 1
    assert counts["total_image"] == sum(p.numel() for p in model.visual.parameters())


def test_captions_are_cut_and_padded(text) -> None:
    model = create(configuration(VIT, text))
    assert clip.context_length(model) == 8
    tokens = clip.tokenize(model, CAPTIONS)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == [[2, 5, 6, 7, 3, 0, 0, 0], [2, 5, 8, 3, 0, 0, 0, 0], [2, 5, 1, 5, 1, 5, 1, 3]]
    # Padding has no influence: the tower masks it.
    short = create(configuration(VIT, text | {"context_length": 5}))
    with torch.no_grad():
        texts = dual_encoder.encode_texts(short, clip.tokenize(short, CAPTIONS[:2]))
    assert torch.allclose(texts, embeddings(model)[1][:2], atol=1e-6)


def test_a_foreign_tokenizer_for_clips_own_tower(text) -> None:
    own = OWN_TEXT | {
        "context_length": 8,
        "vocab_size": len(WORDS),
        "hf_tokenizer_name": text["hf_model_name"],
    }
    model = create(configuration(VIT, own))
    assert clip.tokenize(model, ["a hat"]).tolist() == [[2, 5, 8, 3, 0, 0, 0, 0]]


def test_a_seed_is_a_model_also_here(text) -> None:
    before = torch.random.get_rng_state()
    one, two = (create(configuration(CNN, text)) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(value, two.state_dict()[key]) for key, value in one.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hf_model_name": "/nowhere/bert"}, "the text tower /nowhere/bert is no folder here"),
        ({"hf_model_name": "EMPTY"}, r"lacks config\.json in its folder"),
        ({"hf_model_name": "GPT2"}, "is a gpt2; open_clip supports bert, "),
        ({"context_length": 13}, "context_length 13 exceeds the 12 positions"),
        ({"hf_pooler_type": "cls_poler"}, "cls_poler"),
        ({"hf_tokenizer_name": "EMPTY"}, r"the tokenizer .* lacks tokenizer\.json"),
        ({"tokenizer_kwargs": {"clean": "no"}}, "the tokenizer .* cannot be read .Invalid clean function"),
    ],
)
def test_a_tower_that_cannot_be_built_is_one_line(text, tmp_path: Path, change, message: str) -> None:
    (tmp_path / "EMPTY").mkdir()
    transformers.GPT2Config(n_layer=1).save_pretrained(tmp_path / "GPT2")
    wrong = {
        key: str(tmp_path / value) if value in ("EMPTY", "GPT2") else value for key, value in change.items()
    }
    with pytest.raises(UserError, match=message) as error:
        clip.tokenize(create(configuration(VIT, text | wrong)), ["a hat"])
    assert "\n" not in str(error.value)


def test_what_the_job_of_a_folder_did_not_write_is_refused(
    text, bert: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)  # digests are remembered where one is
    folder = Path(shutil.copytree(bert, tmp_path / "bert"))
    files = [(path, path) for path in folder.iterdir()]
    spec = {
        "rule": "unpack_text_tower",
        "wildcards": {},
        "parameters": {},
        "code": {},
        "seed": 0,
        "threads": 1,
        "environment": {},
    }
    write_manifest(folder / "manifest.json", build_manifest(spec, {}, {"files": files}, set(), now()))
    text |= {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder)}
    model = create(configuration(VIT, text))
    assert clip.tokenize(model, ["a hat"]).tolist()[0][1:3] == [5, 8]
    (folder / "added_tokens.json").write_text('{"ha": 8}')
    message = rf"^{folder}/added_tokens\.json: no job of the study wrote it"
    hugging_face = clip.hugging_face()
    read = (
        lambda: hugging_face.tokenizer(str(folder), 8, None, {}),
        lambda: create(configuration(VIT, text)),
    )
    for one in read:
        with pytest.raises(UserError, match=message):
            one()


@pytest.mark.slow
def test_transformers_is_imported_when_it_is_needed(text, tmp_path: Path) -> None:
    """A plain model leaves its two seconds unspent; a model that needs it gets it afterwards, offline."""
    for name, config in (("plain", configuration(VIT, OWN_TEXT)), ("bert", configuration(VIT, text))):
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
    code = (
        "import sys; from pathlib import Path; from crossmodal.models import clip, dual_encoder\n"
        "def build(name):\n"
        f"    model = clip.build_clip(clip.read_config(Path({str(tmp_path)!r}) / f'{{name}}.json'))\n"
        "    return dual_encoder.encode_texts(model, clip.tokenize(model, ['a hat'])).shape\n"
        "print(tuple(build('plain')), 'transformers' in sys.modules)\n"
        "print(tuple(build('bert')), 'transformers' in sys.modules)"
    )
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=offline)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["(1, 16) False", "(1, 16) True"]


def test_transformers_not_installed_is_one_line(text, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "crossmodal.models.hugging_face", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match="need the package transformers") as error:
        clip.build_clip(configuration(VIT, text))
    assert "\n" not in str(error.value)
