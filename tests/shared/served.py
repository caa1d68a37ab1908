"""A small model, dataset and index to search in, and a service that runs beside the test."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.export import embed_captions, embed_images
from crossmodal.provenance.digests import md5
from crossmodal.search.folder import Items, write_folder
from crossmodal.search.store import store_of
from crossmodal.serving.limits import Limits
from crossmodal.serving.model import Model
from crossmodal.serving.session import Session
from crossmodal.serving.weights import ModelFiles

COLOURS = ("red", "green", "blue", "yellow", "black", "grey", "pink", "brown")
SHAPES = ("square", "circle", "stripe")
WORDS = ("a", "big", "small", "the", "of", *COLOURS, *SHAPES)
HOSTILE = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
"""A caption that is to be read, not run."""


def bert_folder(folder: Path) -> Path:
    """Write the folder of a tiny BERT without weights whose words are those of the captions, and return it."""
    import transformers

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=30, initializer_range=0.2,
    ).save_pretrained(folder)  # fmt: skip
    tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(vocabulary)})
    tokenizer.save_pretrained(folder)
    return folder


def build_towers(bert: Path, **text: Any) -> CLIP:
    """Return a tiny model as the study's towers are, with running statistics of noise and random biases."""
    architecture = {
        "embed_dim": 64,
        "custom_text": True,
        "vision_cfg": {
            "timm_model_name": "test_efficientnet", "timm_pool": "avg", "timm_proj": "linear", "image_size": 32,
        },
        "text_cfg": {
            "hf_model_name": str(bert), "hf_tokenizer_name": str(bert), "context_length": 12,
            "hf_pooler_type": "mean_pooler", "hf_proj_type": "linear",
        } | text,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = clip.build_clip(
            {"model_cfg": architecture, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
        )
        with torch.no_grad():
            for _ in range(5):
                model.train().encode_image(2 * torch.randn(8, 3, 32, 32))
            for name, parameter in model.named_parameters():
                if name.endswith("bias"):
                    parameter.normal_(std=0.1)
    return model.eval()


def save(model: CLIP, folder: Path) -> Path:
    """Write a bare model as open_clip names its files, and return the folder."""
    folder.mkdir(exist_ok=True)
    clip.save_clip(model, folder / "open_clip_config.json", folder / "open_clip_model.safetensors")
    return folder


def adapt(base: Path, folder: Path, kind: str, **values: Any) -> tuple[ModelFiles, CLIP]:
    """Write an adapter of random values on the model in `base`; return the files and the merged model."""
    params = registry.parse("adaptation", {"kind": kind, **values})
    model = load(ModelFiles(base))
    methods.attach(model, params, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    folder.mkdir(parents=True, exist_ok=True)
    methods.save_adapter(model, params, folder / "adapter_config.json", folder / "adapter_model.safetensors")
    files = ModelFiles(base, folder)
    return files, load(files)


def load(files: ModelFiles) -> CLIP:
    """Return the whole model with its adapter, merged where it can be: the slow way that all else is tested by."""
    model = clip.load_clip(files.config, files.weights)
    if files.adapter_config and files.adapter_weights:
        methods.merge(model, methods.load_adapter(model, files.adapter_config, files.adapter_weights))
    return model.eval()


def model_of(files: ModelFiles) -> Model:
    """Return the model of a session."""
    adapter = f"+{md5(files.adapter_weights)}" if files.adapter_weights else ""
    return Model(lambda: md5(files.weights) + adapter, files, lambda: load(files))


def drawing(colour: str, shape: str) -> bytes:
    """Return a drawing, PNG of 48 x 48 px."""
    image = Image.new("RGB", (48, 48), "white")
    box = {"square": (10, 10, 38, 38), "circle": (4, 20, 30, 46), "stripe": (0, 20, 48, 28)}[shape]
    image.paste(colour, box)
    return encode_png(np.asarray(image))


def write_drawings(path: Path) -> list[Example]:
    """Write a dataset of 24 drawings, one with a hostile caption, and return its examples."""
    examples = []
    for i, (colour, shape) in enumerate((c, s) for c in COLOURS for s in SHAPES):
        captions = [HOSTILE if i == 5 else f"the big {colour} {shape}", f"a {colour} {shape}"]
        examples.append(
            Example(
                f"toy/{colour}-{shape}", drawing(colour, shape), f"{colour}-{shape}.png", captions,
                f"{colour} {shape}", shape, "toy",
            )
        )  # fmt: skip
    write_examples(path, examples)
    return examples


def write_index(
    folder: Path, model: CLIP, digest: str, examples: list[Example], paths: list[str | None]
) -> None:
    """Write an index of all `examples`, exhaustive, with vectors of `model`."""
    from crossmodal.data.images import decode

    size = clip.image_size(model)
    vectors = embed_images(model, np.stack([decode(e.image, size) for e in examples]), 8)
    texts = embed_captions(model, clip.tokenize(model, [e.captions[1] for e in examples]), 8)
    items = Items(
        [e.image_id for e in examples], [e.image_id for e in examples], [e.label for e in examples],
        [Path(e.path).stem for e in examples], paths, [e.captions[0] for e in examples],
    )  # fmt: skip
    write_folder(
        folder, store_of(vectors), items, registry.parse("search", {"kind": "flat"}), 0, model=digest,
        validation={"text": texts, "image": vectors}, target=0.99,
    )  # fmt: skip


class Answer(NamedTuple):
    """What a service answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(address: str, path: str, data: bytes | None = None, **headers: str) -> Answer:
    """Return the answer to GET, or to POST of `data`."""
    request = urllib.request.Request(f"{address}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


@contextmanager
def running(session: Session, limits: Limits | None = None, workers: int = 2) -> Iterator[str]:
    """Serve `session` on a free port of loopback and give the address."""
    from crossmodal.serving.app import make_app
    from crossmodal.serving.server import address_of, listen, server_of

    listener = listen("127.0.0.1", 0)
    app = make_app(session, limits, workers)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert ask(address_of(listener), "/health").status == 200
        yield address_of(listener)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
        assert not thread.is_alive()
