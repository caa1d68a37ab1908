"""What the prompt methods share: learnt vectors, and how each tower reads them beside its input.

The text tower reads n vectors after the start token, as if they were words. The tokens themselves move up by n,
and with them what the tower tells from the tokens: CLIP's own pools at the highest id, where the end then is; a
BERT-like one masks padding, and the mask reaches n tokens further. Where it pools by the mean over the mask, the
mean takes in the prompt as it takes in words: a prompt that says "a photo of" is then exactly "a photo of" in
front of the caption, in either kind of tower. It is what prompts start as unless told otherwise: vectors that the
tower has never read, however small, cost recall before they have learnt anything.

A BERT-like tower has more positions than the captions use, and the prompt takes its room there. Where positions
end, in CLIP's own tower with the context, captions that are too long beside a prompt are cut, the end token kept.

The image tower reads n vectors between the class token and the patches, at the door of the transformer, where the
paper of visual prompts (Jia et al. 2022) puts them; they are taken out again after it, so that pooling sees what
it saw before. Vectors of later blocks stand in the same places and replace what the block before left there.

Hugging Face peft (0.21.2) cannot express prompts on these modules: its prompt methods put vectors before the
whole input of language models that take `inputs_embeds`, which no tower of open_clip does, before the start
token instead of after it, and it has none for images. The saved tensors have their names in the model.
"""

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from crossmodal.adaptation.initialisation import linear, normal
from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP

STD = 0.02
"""Standard deviation of vectors at the start (Zhou et al. 2022, CoOp)."""


class Learnt(nn.Module):
    """Vectors [n, width] that are parameters themselves."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors)

    def forward(self) -> Tensor:
        """Return the vectors, [n, width]."""
        return self.vectors


class Coupled(nn.Module):
    """Vectors [n, width] that are a linear function of another tower's."""

    def __init__(
        self, source: nn.Module, inputs: int, width: int, generator: Generator, like: Tensor
    ) -> None:
        super().__init__()
        self.linear = linear(inputs, width, generator, like)
        self._source = (source,)  # in a tuple: a module of the other tower, which saves and trains it

    def forward(self) -> Tensor:
        """Return the vectors, [n, width]."""
        vectors: Tensor = self.linear(self._source[0]())
        return vectors


class TextPrompts(nn.Module):
    """`model.text_prompts` with vectors that do not depend on the caption."""

    def __init__(self, context: nn.Module) -> None:
        super().__init__()
        self.context = context

    def forward(self, model: CLIP, tokens: Tensor, delta: Tensor | None) -> Tensor:
        """Return the features [b, d]; arguments as those of `dual_encoder.encode_texts`."""
        return text_features(model, tokens, delta, self.context())


class ImagePrompts(nn.Module):
    """`model.visual.prompts` with vectors that do not depend on the image."""

    def __init__(self, context: nn.Module) -> None:
        super().__init__()
        self.context = context

    def forward(self, visual: nn.Module, images: Tensor) -> Tensor:
        """Return the features [b, d] of normalised `images`."""
        return image_features(visual, images, self.context())


def text_features(model: CLIP, tokens: Tensor, delta: Tensor | None, vectors: Tensor) -> Tensor:
    """Return the features [b, d] of `tokens` with `vectors`, [n, width] or [b, n, width], after the start.

    `delta` is in the positions of `tokens` and goes where they go.
    """
    length = vectors.shape[-2]
    tokens, delta = _widened(model, tokens, delta, length)
    source = make_room(tokens, length, dual_encoder.ends(tokens, model))

    def edit(embedded: Tensor) -> Tensor:
        if delta is not None:
            moved = delta.gather(1, source.unsqueeze(-1).expand_as(delta))
            embedded = dual_encoder.shifted(embedded, moved)
        return splice(embedded, vectors, replacing=length)

    return dual_encoder.text_features(model, tokens.gather(1, source), edit)


def _widened(model: CLIP, tokens: Tensor, delta: Tensor | None, length: int) -> tuple[Tensor, Tensor | None]:
    """Return `tokens` and `delta` with padding for `length` more tokens, as far as the tower has positions."""
    number = dual_encoder.padding(model)
    more = min(length, positions(model) - tokens.shape[1])
    if number is None or more <= 0:
        return tokens, delta
    tokens = functional.pad(tokens, (0, more), value=number)
    return tokens, None if delta is None else functional.pad(delta, (0, 0, 0, more))


def positions(model: CLIP) -> int:
    """Return how many tokens the text tower can read: CLIP's own its context, a BERT-like one often many more."""
    number = dual_encoder.padding(model)
    if number is None:
        return clip.context_length(model)
    config: Any = dual_encoder.text_tower(model).config
    # RoBERTa and its kin count positions from the padding's id on.
    return int(config.max_position_embeddings) - (number + 1 if "roberta" in config.model_type else 0)


def make_room(tokens: Tensor, length: int, ends: Tensor) -> Tensor:
    """Return int64 [b, context]: for each position the one of `tokens` whose token stands there.

    After the start there is room for `length` vectors, filled with the start token. Tokens that would go beyond
    the context are cut; the end, at `ends` [b, 1], is then in the last position.
    """
    position = torch.arange(tokens.shape[1], device=tokens.device)
    source = (position - length).clamp_min(0).expand_as(tokens)
    return torch.where(position == len(position) - 1, source.maximum(ends), source)


def splice(inputs: Tensor, vectors: Tensor, replacing: int) -> Tensor:
    """Return `inputs` [b, l, width] with `vectors` after the first position, instead of `replacing` others.

    `vectors` are [n, width], the same for all, or [b, n, width].
    """
    vectors = vectors.to(inputs).expand(len(inputs), -1, -1)
    return torch.cat([inputs[:, :1], vectors, inputs[:, 1 + replacing :]], dim=1)


def image_features(visual: nn.Module, images: Tensor, vectors: Tensor) -> Tensor:
    """Return the features [b, d] of normalised `images` with `vectors` after the class token."""
    length = vectors.shape[-2]

    def enter(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return splice(args[0], vectors, replacing=0), *args[1:]

    def leave(_module: nn.Module, _args: object, outputs: Tensor) -> Tensor:
        return torch.cat([outputs[:, :1], outputs[:, 1 + length :]], dim=1)

    transformer = visual.get_submodule("transformer")
    handles = [transformer.register_forward_pre_hook(enter), transformer.register_forward_hook(leave)]
    try:
        features: Tensor = visual(images)
        return features
    finally:
        for handle in handles:
            handle.remove()


def add_to_block(block: nn.Module, vectors: nn.Module) -> None:
    """Let `block` read `vectors()`, [n, width], in the place of what its n prompt positions hold.

    The hook is a plain function and finds the vectors in the block, so that copies of the model have their own.
    """
    block.prompts = vectors
    block.register_forward_pre_hook(_replace)


def _replace(block: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    vectors: Tensor = block.get_submodule("prompts")()
    return splice(args[0], vectors, replacing=len(vectors)), *args[1:]


def image_blocks(model: CLIP, method: str, instead: str = "") -> nn.ModuleList:
    """Return the blocks of the image tower; UserError where it is not open_clip's vision transformer.

    `instead` ends the message: what would be possible.
    """
    blocks = getattr(getattr(model.visual, "transformer", None), "resblocks", None)
    if not isinstance(blocks, nn.ModuleList) or not hasattr(model.visual, "class_embedding"):
        name = model.config["model_cfg"]["vision_cfg"].get("timm_model_name", type(model.visual).__name__)
        raise UserError(
            f"{method}: image prompts need open_clip's vision transformer as the image tower, this one is {name}"
            f"{instead}"
        )
    return blocks


def text_blocks(model: CLIP, method: str) -> nn.ModuleList:
    """Return the blocks of the text tower, CLIP's own, pooled at the end token, or a BERT-like one.

    That is one of Hugging Face's that begins with a start token and has a vector for each position: BERT, RoBERTa
    and their kin. Raises UserError for any other.
    """
    tower: Any = dual_encoder.text_tower(model)
    if dual_encoder.padding(model) is not None:
        blocks = getattr(getattr(tower.transformer, "encoder", None), "layer", None)
        name = type(tower.transformer).__name__
    else:
        pooling = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
        own = pooling == "argmax" and getattr(tower, "cls_emb", None) is None
        blocks = tower.transformer.resblocks if own else None
        name = f"pooled by {pooling!r}"
    if not isinstance(blocks, nn.ModuleList):
        raise UserError(
            f"{method}: text prompts need CLIP's own text transformer, pooled at the end token, or a BERT-like"
            f" one, this one is {name}"
        )
    return blocks


def draw_context(model: CLIP, params: TextPromptParameters, method: str, generator: Generator) -> Learnt:
    """Return the vectors of the text tower as they start.

    Raises UserError where the prompt is too long, the phrase has no word, or the tower is of another kind.
    """
    text_blocks(model, method)
    greatest = positions(model) - 3  # beside the start, the end and one word
    if params.length > greatest:
        raise UserError(
            f"{method}: a prompt of {params.length} vectors leaves no word of a caption in the context of "
            f"{positions(model)} tokens; length is at most {greatest}"
        )
    weight = dual_encoder.token_embedding(model).weight.detach()
    if params.init == "normal":
        return Learnt(normal((params.length, weight.shape[1]), STD, generator, like=weight))
    tokens = clip.tokenize(model, [params.phrase])
    words = tokens[dual_encoder.perturbable(tokens, model)].to(weight.device)
    if not len(words):
        raise UserError(
            f"{method}: the phrase {params.phrase!r} has no word to start from; or take init: normal"
        )
    repeated = words.repeat(math.ceil(params.length / len(words)))
    return Learnt(weight[repeated[-params.length :]].clone())


def draw_image_context(model: CLIP, length: int, generator: Generator) -> Learnt:
    """Return `length` random vectors of the image tower."""
    weight = model.visual.class_embedding.detach()
    return Learnt(normal((length, len(weight)), STD, generator, like=weight))
