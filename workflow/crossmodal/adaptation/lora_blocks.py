"""LoRA with the last k blocks of each adapted tower unfrozen: transformer blocks, or a convolutional tower's.

The hybrid for targets on which LoRA alone keeps too little of full fine-tuning's quality. Every parameter of
the unfrozen blocks trains itself, so they get no low-rank term; what lies outside them gets LoRA's, exactly as
in `lora`: the blocks before them, and of a convolutional tower the 1×1 convolution after the last one. With k =
all blocks a transformer has no term left. Embeddings, final norms and projections stay frozen.

The saved file is peft's: the blocks are its `modules_to_save` and hold what the whole module holds, the running
statistics of batch normalisation too, which are still the base model's. Two limits on peft's side. It matches
those names by their ends, and open_clip's CLIP keeps its text tower at the top level, so
`transformer.resblocks.11` is found in the image tower too: an adapter of that text tower alone, or of both towers
of unequal depth, opens in this program only. And it opens no adapter without a low-rank term (k = all blocks of
the adapted towers).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossmodal.adaptation import lora, peft_layout
from crossmodal.adaptation.blocks import last_blocks
from crossmodal.adaptation.lora_blocks_params import Params
from crossmodal.adaptation.low_rank import adapted
from crossmodal.adaptation.targets import find_targets
from crossmodal.adaptation.trainable import BATCH_NORMALISATION, check_fit
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Add LoRA's terms to all of each tower but its last `params.blocks` blocks, and let those train.

    Raises UserError as `lora` does, and where a tower has fewer blocks.
    """
    blocks = last_blocks(model, params.towers, params.blocks, params.kind)
    targets = find_targets(model, params.placement, params.towers, params.kind)
    below = [t for t in targets if not any(t.path.startswith(f"{block}.") for block in blocks)]
    lora.add_terms(model, below, params, generator)
    for block in blocks:
        model.get_submodule(block).requires_grad_(True)


def merge(model: CLIP) -> None:
    """Fold the low-rank terms into the base weights in place; the blocks are in the base model already."""
    lora.merge(model)


def _blocks(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and statistics of the unfrozen blocks by the names that peft gives them."""
    trainable = ((name, p) for name, p in model.named_parameters() if p.requires_grad)
    found: dict[str, Tensor] = {name: p for name, p in trainable if ".parametrizations." not in name}
    for path, module in model.named_modules():
        if isinstance(module, BATCH_NORMALISATION) and f"{path}.weight" in found:
            found.update(module.named_buffers(path))
    return {f"{peft_layout.PREFIX}{name}": tensor for name, tensor in found.items()}


def state(model: CLIP) -> dict[str, Tensor]:
    """Return copies of the factors and of the unfrozen blocks, on the CPU, in the layout of Hugging Face peft."""
    blocks = {name: t.detach().to("cpu", copy=True).contiguous() for name, t in _blocks(model).items()}
    return peft_layout.pack(adapted(model)) | blocks


@torch.no_grad()
def restore(model: CLIP, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` returned, exactly; UserError where it is of another model or of other parameters."""
    check_fit({name: tensor.shape for name, tensor in state(model).items()}, tensors)
    blocks = _blocks(model)
    peft_layout.unpack(adapted(model), {name: t for name, t in tensors.items() if name not in blocks})
    for name, tensor in blocks.items():
        tensor.copy_(tensors[name])


def peft_config(model: CLIP, params: Params) -> dict[str, Any]:
    """Return the `adapter_config.json` with which peft reads the tensors of `state`."""
    blocks = last_blocks(model, params.towers, params.blocks, params.kind)
    return peft_layout.config(model, params.rank, params.alpha, params.scaling == "alpha/sqrt(r)", blocks)
