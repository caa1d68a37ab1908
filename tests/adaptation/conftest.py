from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import open_clip
import pytest
import torch
import transformers
from open_clip.model import CLIP

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.adaptation.hooks import Hooks
from crossmodal.models import clip, dual_encoder
from crossmodal.models.scratch_params import CONFIGS

LONG = (
    "one two three four five six seven eight nine ten red green blue grey black white pink brown"  # 18 words
)
CAPTIONS = ["a red octopus", "two green umbrellas in the rain", "a hat", "the flag of nowhere"]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small matrices on several threads are many times slower beside another busy process."""
    torch.set_num_threads(1)


def build(attention: str) -> CLIP:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["text_cfg"]["layers"] = 2
    if attention == "open_clip":
        config["model_cfg"]["vision_cfg"]["block_type"] = "custom"
        config["model_cfg"]["text_cfg"]["block_type"] = "custom"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return clip.build_clip(config)


@pytest.fixture(scope="session")
def bases() -> dict[str, CLIP]:
    """A tiny CLIP with torch's attention modules and one with open_clip's own; no test changes them."""
    return {attention: build(attention) for attention in ("torch", "open_clip")}


@pytest.fixture(scope="session")
def base(bases: dict[str, CLIP]) -> CLIP:
    return bases["torch"]


@pytest.fixture
def fresh(bases: dict[str, CLIP]) -> Callable[..., CLIP]:
    """Returns a copy of a tiny CLIP that the test may change."""
    return lambda attention="torch": deepcopy(bases[attention])


@pytest.fixture(scope="session")
def params() -> Callable[..., object]:
    """Returns the parameters of a method."""
    return lambda kind, **values: registry.parse("adaptation", {"kind": kind, **values})


@pytest.fixture(scope="session")
def embed() -> Callable[[CLIP], torch.Tensor]:
    """Returns the embeddings that a model gives four fixed images and captions, [8, 64]."""
    pixels = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    def both(model: CLIP) -> torch.Tensor:
        tokens = clip.tokenize(model, CAPTIONS)
        return torch.cat(
            [dual_encoder.encode_images(model, pixels), dual_encoder.encode_texts(model, tokens)]
        )

    return both


@pytest.fixture(scope="session")
def train(embed: Callable[[CLIP], torch.Tensor]) -> Callable[..., None]:
    """Trains a model for three steps, with weight decay and, given a method's parameters, with its hooks."""

    def steps(model: CLIP, params: object = None) -> None:
        model.train()
        hooks = Hooks() if params is None else methods.hooks(params)
        trainable = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trainable, lr=1e-2, weight_decay=0.1)
        for step in range(3):
            images, texts = embed(model).chunk(2)
            logits = dual_encoder.logit_scale(model) * images @ texts.T
            loss = torch.nn.functional.cross_entropy(logits, torch.arange(4))
            optimiser.zero_grad()
            (loss if hooks.penalty is None else loss + hooks.penalty(model)).backward()
            optimiser.step()
            if hooks.after_step is not None:
                hooks.after_step(model, step, 3)
        model.eval()

    return steps


WORDS = sorted({word for caption in [*CAPTIONS, LONG, "a photo of"] for word in caption.split()})


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny BERT whose words are those of the captions, with the usual dropout."""
    folder = tmp_path_factory.mktemp("bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=30, initializer_range=0.2,
    ).save_pretrained(folder)  # fmt: skip
    numbered = {word: number for number, word in enumerate(vocabulary)}
    transformers.BertTokenizer(vocab=numbered).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def build_towers(bert: Path) -> Callable[..., CLIP]:
    """Builds a tiny model as the study's towers are: convolutions of timm with batch norm, and a BERT.

    Running statistics are those of noise, neither zero nor one.
    """

    def build(image: str | dict[str, object] = "test_efficientnet", **text: object) -> CLIP:
        if isinstance(image, str):
            image = {"timm_model_name": image, "timm_pool": "avg", "timm_proj": "linear"}
        architecture = {
            "embed_dim": 64,
            "vision_cfg": image | {"image_size": 32},
            "text_cfg": {
                "hf_model_name": str(bert), "hf_tokenizer_name": str(bert), "context_length": 24,
                "hf_pooler_type": "mean_pooler", "hf_proj_type": "linear",
            } | text,
        }  # fmt: skip
        config = {"model_cfg": architecture, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = clip.build_clip(config | {"model_cfg": architecture | {"custom_text": True}})
            with torch.no_grad():
                for _ in range(20):
                    model.train().encode_image(2 * torch.randn(8, 3, 32, 32))
        return model.eval()

    return build


@pytest.fixture(scope="session")
def towers_base(build_towers: Callable[..., CLIP]) -> CLIP:
    """Such a model; no test changes it."""
    return build_towers()


@pytest.fixture
def towers(towers_base: CLIP) -> Callable[[], CLIP]:
    """Returns a copy of it that the test may change."""
    return lambda: deepcopy(towers_base)


@pytest.fixture(scope="session")
def vit_b_32() -> Callable[[], CLIP]:
    """Returns the architecture of ViT-B/32 without weights."""
    config = {
        "model_cfg": open_clip.get_model_config("ViT-B-32"),
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
    }

    def architecture() -> CLIP:
        with torch.device("meta"):
            return clip.build_clip(config)

    return architecture


@pytest.fixture(scope="session")
def long_caption() -> str:
    """A caption of more words than fit beside a long prompt."""
    return LONG


@pytest.fixture(scope="session")
def tokens() -> Callable[[CLIP], torch.Tensor]:
    """Returns three captions, one of them long, as token ids of a model."""
    return lambda model: clip.tokenize(model, ["a red octopus", LONG, "hat"])


@pytest.fixture(scope="session")
def louder() -> Callable[[CLIP], CLIP]:
    """Gives every vector the size of an embedding, as training does: those of the start hardly matter."""

    def amplify(model: CLIP) -> CLIP:
        generator = torch.Generator().manual_seed(7)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and name.endswith("vectors"):
                parameter.data.normal_(generator=generator)
        return model

    return amplify


@pytest.fixture
def prompted(fresh: Callable[..., CLIP], params: Callable[..., object], louder: Callable[[CLIP], CLIP]):
    """Returns a tiny CLIP with prompts that matter."""

    def attached(values: dict[str, object], attention: str = "torch", **more: object) -> CLIP:
        model = fresh(attention)
        methods.attach(model, params(**(values | more)), seed=1)
        return louder(model)

    return attached
