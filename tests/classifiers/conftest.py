"""What the tests of few-shot classifiers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from crossmodal.classifiers.base import Task
from crossmodal.models import clip, scratch
from crossmodal.models.architecture import CLIP
from crossmodal.models.scratch_params import Params
from few_shot_tasks import make_task

NAMES = ["red-octopus", "hat", "zebra_crossing", "octopus", "red hat"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on several threads are many times slower; and equal means equal to the bit."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def task() -> Task:
    """Five classes, four shots, three views of width 24, embeddings of width 16."""
    return make_task()


@pytest.fixture(scope="session")
def names() -> list[str]:
    """Classes whose names are of different lengths in words."""
    return NAMES


@pytest.fixture(scope="session")
def nano() -> CLIP:
    """A tiny CLIP with random weights; no test trains it."""
    return scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)


@pytest.fixture(scope="session")
def bert_towers(tmp_path_factory: pytest.TempPathFactory) -> CLIP:
    """A tiny model as the study's towers are, with a BERT that knows the words of the classes."""
    import transformers

    folder: Path = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "an", "icon", "of", "a", "red", "octopus", "hat",
             "zebra", "crossing"]  # fmt: skip
    transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=20, initializer_range=0.2,
    ).save_pretrained(folder)  # fmt: skip
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    vision = {"timm_model_name": "test_efficientnet", "timm_pool": "avg", "timm_proj": "linear"}
    architecture = {
        "embed_dim": 16,
        "custom_text": True,
        "vision_cfg": vision | {"image_size": 32},
        "text_cfg": {
            "hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "context_length": 12,
            "hf_pooler_type": "mean_pooler", "hf_proj_type": "linear",
        },
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return clip.build_clip(
            {"model_cfg": architecture, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
        )
