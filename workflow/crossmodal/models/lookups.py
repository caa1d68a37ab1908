"""Tables of which an input looks up a few rows: token embeddings, positions, segments.

Where such a table is trained, a row that no training caption looks up never gets a gradient.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from crossmodal.models import dual_encoder
from crossmodal.models.architecture import CLIP


def tables(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return by its name in `model` every parameter whose rows are looked up, [rows, width].

    These are the weights of embeddings and the positions of CLIP's own text tower, a bare parameter.
    """
    modules = {f"{path}.weight": m for path, m in model.named_modules() if isinstance(m, nn.Embedding)}
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name in modules or name in ("positional_embedding", "text.positional_embedding")
    }


def used_rows(model: CLIP, captions: Tensor) -> dict[str, Tensor]:
    """Return by the table's name which of its rows get a gradient from `captions`, int64 [k] ascending.

    `captions` are tokens, integers [m, context]. Not used are the row of padding, what stands after the end of a
    caption, which CLIP's own tower neither pools nor reads before the end, and positions and segments that no
    caption has. A table of another purpose than those of the text tower is used whole.
    """
    captions = captions.long()
    found = {name: torch.arange(len(table)) for name, table in tables(model).items()}
    position = torch.arange(captions.shape[1])
    ends = (
        dual_encoder.ends(captions, model) if _ends_count(model) else position[-1:].expand(len(captions), 1)
    )
    named = {id(p): name for name, p in model.named_parameters()}
    words = dual_encoder.token_embedding(model)
    own = named[id(words.weight)]
    found[own] = _without(captions[position <= ends].unique(), words.padding_idx)
    longest = captions[ends.flatten().argmax()][: int(ends.max()) + 1]
    if dual_encoder.padding(model) is None:
        positions = {"positional_embedding", "text.positional_embedding"} & found.keys()
        return found | {name: torch.arange(len(longest)) for name in positions}
    return found | {
        named[id(module.weight)]: _without(rows.unique(), module.padding_idx)
        for module, rows in _looked_up(model, longest).items()
        if named[id(module.weight)] != own
    }


def _ends_count(model: CLIP) -> bool:
    """Return whether what follows the end of a caption is not read: by Hugging Face's masks, or CLIP's pooling."""
    tower: Any = dual_encoder.text_tower(model)
    if dual_encoder.padding(model) is not None:
        return True
    pooling = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    return pooling == "argmax" and getattr(tower, "attn_mask", None) is not None


def _looked_up(model: CLIP, caption: Tensor) -> dict[nn.Embedding, Tensor]:
    """Return what each embedding of the text tower of Hugging Face is asked for by `caption`, [context]."""
    found: dict[nn.Embedding, Tensor] = {}

    def note(module: nn.Module, args: tuple[Any, ...], _output: object) -> None:
        found[cast(nn.Embedding, module)] = args[0].detach().cpu().flatten()

    embeddings = [m for m in dual_encoder.text_tower(model).modules() if isinstance(m, nn.Embedding)]
    handles = [module.register_forward_hook(note) for module in embeddings]
    training = model.training
    try:
        with torch.inference_mode():
            model.eval().encode_text(caption.unsqueeze(0).to(model.logit_scale.device))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return found


def _without(rows: Tensor, padding: int | None) -> Tensor:
    return rows if padding is None else rows[rows != padding]
