"""Trainable parameters on the study's towers at full size, without weights, against formulas written by hand."""

from collections.abc import Callable

import pytest
import torch
import transformers

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.models import clip
from crossmodal.models.architecture import CLIP

JOINT = 256
# EfficientNet-Lite0: input channels, expansion, output channels and how often, stage by stage; stem and head.
STAGES = [(16, 6, 24, 2), (24, 6, 40, 2), (40, 6, 80, 3), (80, 6, 112, 3), (112, 6, 192, 4), (192, 6, 320, 1)]
STEM, FIRST, HEAD = 32, 16, 1280
KERNELS = [3, 5, 3, 5, 5, 3]
# MiniLM: a BERT of 6 layers.
LAYERS, WIDTH, INNER = 6, 384, 1536


def blocks() -> list[tuple[int, int, int, int]]:
    """(input, expanded and output channels, side of the depthwise kernel) of each inverted residual."""
    found = []
    for (inputs, factor, outputs, count), kernel in zip(STAGES, KERNELS, strict=True):
        for i in range(count):
            first = outputs if i else inputs
            found.append((first, factor * first, outputs, kernel))
    return found


POINTWISE = [(STEM, FIRST), *(pair for a, b, c, _ in blocks() for pair in ((a, b), (b, c))), (320, HEAD)]
OUTPUTS = [FIRST, *(c for _, _, c, _ in blocks())]
NORMS = [STEM, STEM, FIRST, *(n for a, b, c, _ in blocks() for n in (b, b, c)), HEAD]
ATTENTION = {"qkv": 3, "qkvo": 4, "qkvo+mlp": 4}


def low_rank(rank: int, placement: str) -> tuple[int, int]:
    image = sum(min(rank, a, b) * (a + b) for a, b in POINTWISE)
    mlp = 2 * (WIDTH + INNER) if placement == "qkvo+mlp" else 0
    return image, LAYERS * rank * (ATTENTION[placement] * 2 * WIDTH + mlp)


def block(i: int) -> int:
    a, b, c, kernel = blocks()[i]
    return a * b + kernel**2 * b + b * c + 2 * (b + b + c)


LAYER = 4 * (WIDTH**2 + WIDTH) + 2 * WIDTH * INNER + INNER + WIDTH + 2 * 2 * WIDTH
VOCABULARY, POSITIONS, SEGMENTS = 30_522, 512, 2
EMBEDDINGS = (VOCABULARY + POSITIONS + SEGMENTS) * WIDTH + 2 * WIDTH
IMAGE = (
    27 * STEM + 9 * STEM + STEM * FIRST + sum(block(i) for i in range(15)) + 320 * HEAD
    + 2 * (2 * STEM + FIRST + HEAD) + HEAD * JOINT
)  # fmt: skip
TEXT = EMBEDDINGS + LAYERS * LAYER + WIDTH * JOINT
BIASES = LAYERS * (4 * WIDTH + INNER + WIDTH)
CONDITION = JOINT * 16 + 16 + 16 * WIDTH + WIDTH

DRAWN = {"init": "normal"}
"""A start that takes no tokenizer, which this tower is built without."""

EXPECTED = {
    "full": ({"kind": "full"}, (IMAGE, TEXT), 26_362_369),
    "linear": ({"kind": "linear"}, (HEAD * JOINT, WIDTH * JOINT), 425_984),
    "bitfit": ({"kind": "bitfit"}, (sum(NORMS), BIASES + (1 + 2 * LAYERS) * WIDTH), 46_736),
    "bitfit-without": ({"kind": "bitfit", "layer_norm": False}, (sum(NORMS), BIASES), 41_744),
    **{
        f"lora-r{rank}-{placement}": (
            {"kind": "lora", "rank": rank, "placement": placement}, low_rank(rank, placement), total,
        )
        for rank, placement, total in (
            (4, "qkv", 146_432), (8, "qkv", 292_864), (16, "qkv", 585_728), (32, "qkv", 1_163_904),
            (8, "qkvo", 329_728), (8, "qkvo+mlp", 514_048),
        )
    },
    "adalora": (
        {"kind": "adalora", "initial_rank": 12},
        (sum(12 * (a + b + 1) for a, b in POINTWISE), LAYERS * 3 * 12 * (2 * WIDTH + 1)),
        439_896,
    ),
    "lora_blocks": (
        {"kind": "lora_blocks", "rank": 8},
        (block(14) + 8 * sum(a + b for a, b in POINTWISE if (a, b) not in ((192, 1152), (1152, 320)))
         + 8 * 3 * (192 + 1152), LAYER + (LAYERS - 1) * 8 * 3 * 2 * WIDTH),
        2_631_808,
    ),
    **{
        f"adapter-{b}": (
            {"kind": "adapter", "bottleneck": b},
            (sum(2 * b * c + b + c for c in OUTPUTS), LAYERS * (2 * b * WIDTH + b + WIDTH)), total,
        )
        for b, total in ((64, 531_856), (128, 1_059_600), (256, 2_115_088))
    },
    **{
        f"coop-{n}": ({"kind": "coop", "length": n} | DRAWN, (0, n * WIDTH), total)
        for n, total in ((4, 1_536), (8, 3_072), (16, 6_144))
    },
    **{
        f"cocoop-{n}": (
            {"kind": "cocoop", "towers": "text", "length": n} | DRAWN, (0, n * WIDTH + CONDITION), total,
        )
        for n, total in ((4, 12_176), (8, 13_712), (16, 16_784))
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], CLIP]:
    """Returns the architecture without weights."""
    folder = tmp_path_factory.mktemp("minilm")
    transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=12,
        intermediate_size=INNER, max_position_embeddings=POSITIONS,
    ).save_pretrained(folder)  # fmt: skip
    text = {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "context_length": 24,
            "hf_pooler_type": "mean_pooler", "hf_proj_type": "linear"}  # fmt: skip
    image = {
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": 96,
    }
    config = {
        "model_cfg": {"embed_dim": JOINT, "custom_text": True, "vision_cfg": image, "text_cfg": text},
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
    }

    def architecture() -> CLIP:
        with torch.device("meta"):
            return clip.build_clip(config)

    return architecture


@pytest.mark.parametrize("name", EXPECTED)
def test_counts(real, name: str) -> None:
    values, (image, text), total = EXPECTED[name]
    model = real()
    methods.attach(model, registry.parse("adaptation", values), seed=0)
    counts = methods.parameter_counts(model)
    assert (counts["trainable_image"], counts["trainable_text"]) == (image, text)
    assert counts["trainable"] == total == image + text + (name == "full")  # and the scale of the logits
    assert counts["total"] == 26_362_369
    assert counts["total_token_embeddings"] == VOCABULARY * WIDTH


def test_the_convolutions_of_the_formula_are_those_of_the_tower(real) -> None:
    trunk = real().visual.trunk
    shapes = [
        m.weight.shape for m in trunk.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1)
    ]
    assert [(inputs, outputs) for outputs, inputs, _, _ in shapes] == POINTWISE
