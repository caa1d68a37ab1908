"""Low-rank methods on text towers of Hugging Face and image towers of timm."""

import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import loralib
import peft
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.adaptation.adalora import triplets
from crossmodal.adaptation.low_rank import LowRank, adapted
from crossmodal.adaptation.targets import find_targets
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP

pytestmark = pytest.mark.slow

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "two", "octopus", "hat", "umbrella", "##s"]
CAPTIONS = ["a red octopus", "two umbrellas", "a hat", "two red hats"]
IMAGE = {
    "cnn": {"timm_model_name": "test_efficientnet", "image_size": 32},
    "convnext": {"timm_model_name": "test_convnext", "image_size": 32},
    "resnet": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 8},
    "vit": {"timm_model_name": "test_vit", "image_size": 160},
}
PLACEMENTS = ("qkv", "qkvo", "qkvo+mlp")


def lora(**values: object) -> object:
    return registry.parse("adaptation", {"kind": "lora", "rank": 4} | values)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny BERT: a configuration and a WordPiece vocabulary."""
    folder = tmp_path_factory.mktemp("bert")
    transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=12, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    ).save_pretrained(folder)  # fmt: skip
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    transformers.BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def build(bert: Path) -> Callable[[str, str], CLIP]:
    """Returns a copy of a tiny model with such an image tower ("cnn", ...) and text tower ("hf" or "clip")."""
    built: dict[tuple[str, str], CLIP] = {}
    texts = {
        "hf": {"hf_model_name": str(bert), "hf_tokenizer_name": str(bert), "context_length": 10},
        "clip": {"context_length": 10, "width": 32, "heads": 2, "layers": 2},
    }

    def of(image: str, text: str) -> CLIP:
        if (image, text) not in built:
            architecture = {"embed_dim": 16, "vision_cfg": IMAGE[image], "text_cfg": texts[text]}
            config = {
                "model_cfg": architecture | {"custom_text": True},
                "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3},
            }
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model = clip.build_clip(config)
            for name, parameter in model.named_parameters():
                if name.endswith("bn3.weight"):  # zero at the start, and nothing before it has a gradient
                    parameter.data.fill_(1)
            built[image, text] = model
        return deepcopy(built[image, text])

    return of


def embed(model: CLIP) -> torch.Tensor:
    size = clip.image_size(model)
    pixels = torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(1))
    texts = dual_encoder.encode_texts(model, clip.tokenize(model, CAPTIONS))
    return torch.cat([dual_encoder.encode_images(model, pixels), texts])


def disturb(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(7)
    for _, _, term in adapted(model):
        term.lora_B.data.normal_(std=0.1, generator=generator)
    for term in triplets(model):
        term.lora_lambda.data.normal_(generator=generator)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_counts_of_timms_vit(build, placement) -> None:
    model = build("vit", "clip")
    methods.attach(model, lora(placement=placement, towers="image"), seed=0)
    trunk = model.visual.trunk
    per_block = {"qkv": 6, "qkvo": 8, "qkvo+mlp": 16}[placement]  # its MLP is three times as wide, not four
    assert methods.parameter_counts(model)["trainable"] == len(trunk.blocks) * 4 * per_block * trunk.embed_dim


@pytest.mark.parametrize("image", ["cnn", "resnet"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_ungrouped_1x1_convolution(build, image, placement) -> None:
    model = build(image, "clip")
    expected = [
        path
        for path, module in model.named_modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    ]
    targets = find_targets(model, placement, "image", "lora")
    assert [target.path for target in targets] == expected
    assert len(expected) > 5
    rank = 16
    methods.attach(model, lora(rank=rank, placement=placement, towers="image"), seed=0)
    shapes = [build(image, "clip").get_submodule(path).weight.shape for path in expected]
    assert methods.parameter_counts(model)["trainable"] == sum(
        min(rank, rows, columns) * (rows + columns) for rows, columns, *_ in shapes
    )


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 2), st.integers(0, 2**31), st.floats(0.1, 64), st.booleans())
def test_a_convolution_equals_loralib(rank: int, stride: int, seed: int, alpha: float, bias: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    peer = loralib.Conv2d(6, 10, 1, r=rank, lora_alpha=alpha, merge_weights=False, stride=stride, bias=bias)
    ours = LowRank(peer.conv.weight, rank, alpha / rank, 1, generator)
    ours.lora_B.data.normal_(generator=generator)
    peer.lora_A.data, peer.lora_B.data = ours.lora_A.data, ours.lora_B.data
    x = torch.randn(2, 6, 5, 5, generator=generator)
    expected = peer(x)
    result = nn.functional.conv2d(x, ours(peer.conv.weight), peer.conv.bias, stride)
    assert torch.allclose(result, expected, atol=1e-5 * float(expected.detach().abs().max()))


TOWERS = [("cnn", "hf"), ("vit", "hf"), ("convnext", "clip"), ("resnet", "clip")]
METHODS = [
    {"kind": "lora", "rank": 3, "placement": "qkvo+mlp"},
    {"kind": "adalora", "initial_rank": 3, "target_rank": 2, "placement": "qkvo+mlp"},
    {"kind": "lora_blocks", "rank": 3, "towers": "text"},
    {"kind": "bitfit"},
]


@pytest.mark.parametrize(("image", "text"), TOWERS)
@pytest.mark.parametrize("values", METHODS, ids=lambda values: values["kind"])
def test_attached_trained_saved_and_merged(build, tmp_path: Path, image, text, values) -> None:
    base, model, params = build(image, text), build(image, text), registry.parse("adaptation", values)
    methods.attach(model, params, seed=0)
    with torch.no_grad():
        assert torch.equal(embed(model), embed(base))
    for training in (True, False):
        model.zero_grad()
        disturb(model)
        embed(model.train(training))[:, 0].sum().backward()
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        assert trained
        assert all(p.grad is None for name, p in model.named_parameters() if name not in trained)
        if values["kind"] in ("lora", "adalora"):
            assert all(p.grad.abs().max() > 0 for p in trained.values())
    optimiser = torch.optim.AdamW(trained.values(), lr=1e-2)
    optimiser.step()
    model.eval()
    files = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    methods.save_adapter(model, params, *files)
    loaded = build(image, text)
    methods.load_adapter(loaded, *files)
    with torch.no_grad():
        expected = embed(model)
        assert torch.equal(embed(loaded), expected)
        assert (expected - embed(base)).abs().max() > 1e-3
        methods.merge(loaded, params)
        assert (embed(loaded) - expected).abs().max() <= 1e-6
    assert loaded.state_dict().keys() == base.state_dict().keys()
    assert not any(module._forward_pre_hooks for module in loaded.modules())


@pytest.mark.parametrize("values", [METHODS[0], METHODS[3], {"kind": "full"}], ids=lambda v: v["kind"])
def test_running_statistics_stay_the_base_models(build, values) -> None:
    """Otherwise the trained model is not the one that was saved: they are no parameters."""
    model, base = build("cnn", "clip"), build("cnn", "clip").state_dict()
    methods.attach(model, registry.parse("adaptation", values), seed=0)
    embed(model.train())
    held = {name: b for name, b in model.named_buffers() if "running" in name or "batches" in name}
    assert held
    assert all(torch.equal(buffer, base[name]) for name, buffer in held.items())
    methods.merge(model, registry.parse("adaptation", values))
    embed(model.train())
    assert any(
        not torch.equal(buffer, base[name]) for name, buffer in model.named_buffers() if "running" in name
    )


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments:UserWarning")
@pytest.mark.parametrize(
    ("image", "rank", "placement", "scaling"),
    [
        ("cnn", 3, "qkv", "alpha/r"),
        ("cnn", 20, "qkvo", "alpha/r"),
        ("cnn", 20, "qkvo+mlp", "alpha/sqrt(r)"),
        ("vit", 3, "qkv", "alpha/sqrt(r)"),
        ("vit", 3, "qkvo+mlp", "alpha/r"),
    ],
)
def test_peft_opens_our_file(build, tmp_path: Path, image, rank, placement, scaling) -> None:
    """Linear layers, fused ones, 1×1 convolutions and those that are narrower than the rank."""
    model, theirs = build(image, "hf"), build(image, "hf")
    params = lora(rank=rank, alpha=5.0, placement=placement, scaling=scaling)
    methods.attach(model, params, seed=1)
    disturb(model)
    methods.save_adapter(
        model, params, tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    )
    opened = peft.PeftModel.from_pretrained(theirs, str(tmp_path)).eval()
    with torch.no_grad():
        expected = embed(model)
        assert (embed(theirs) - expected).abs().max() <= 1e-5
        assert (embed(opened.merge_and_unload()) - expected).abs().max() <= 1e-5
        assert (expected - embed(build(image, "hf"))).abs().max() > 1e-3


def test_a_rank_above_every_convolution_is_one_line(build) -> None:
    model = build("cnn", "clip")
    with pytest.raises(UserError, match=r"rank 65 exceeds the width 64 of visual\.trunk"):
        methods.attach(model, lora(rank=65, towers="image"), seed=0)
    methods.attach(model, lora(rank=64, towers="image"), seed=0)
    scales = {term.scale for _, _, term in adapted(model)}
    assert scales == {8 / 64} and math.isclose(scales.pop(), 0.125)
