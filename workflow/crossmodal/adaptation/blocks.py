"""The blocks of a tower: a transformer's, told by the attention that each holds, or a convolutional tower's.

Convolutional towers with blocks are timm's EfficientNet and its kin (MobileNets, for example), which call them
`blocks.<stage>.<number>`: inverted residuals, and simpler ones in the first stages.
"""

import re

from torch import nn

from crossmodal.adaptation.targets import Towers, find_targets, wanted_towers
from crossmodal.errors import UserError

_CONVOLUTIONAL = re.compile(r"visual(\.trunk)?\.blocks\.\d+\.\d+")


def last_blocks(model: nn.Module, towers: Towers, count: int, method: str) -> list[str]:
    """Return the dotted names of the last `count` blocks of each of `towers`, in the model's order.

    A block of a transformer is the largest numbered module that holds one attention module alone, for example
    `visual.transformer.resblocks.11`; a convolutional one is for example `visual.trunk.blocks.6.0`. Raises
    UserError, beginning with the name of the `method`, for a tower that has fewer of them.
    """
    found: list[str] = []
    for tower in wanted_towers(towers):
        targets = find_targets(model, "qkv", tower, method)
        attentions = [target.attention for target in targets if target.attention]
        blocks = _blocks(attentions) if attentions else convolutional_blocks(model, tower)
        if count > len(blocks):
            kind = "inverted residual" if blocks and not attentions else "transformer"
            raise UserError(
                f"{method}: blocks is {count}, but the {tower} tower has {len(blocks)} {kind} blocks"
            )
        found += blocks[-count:]
    return found


def convolutional_blocks(model: nn.Module, tower: str) -> list[str]:
    """Return the dotted names of the blocks of timm's EfficientNet or its kin, in order; nothing for another."""
    if tower != "image":
        return []
    return [
        path
        for path, module in model.named_modules()
        if _CONVOLUTIONAL.fullmatch(path) and any(isinstance(part, nn.Conv2d) for part in module.modules())
    ]


def _blocks(attentions: list[str]) -> list[str]:
    """Return the numbered prefixes of the paths `attentions` that are prefixes of one of them only."""
    distinct = list(dict.fromkeys(attentions))
    found = []
    for path in distinct:
        for match in re.finditer(r"\.\d+(?=\.)", path):
            prefix = path[: match.end()]
            if sum(other.startswith(f"{prefix}.") for other in distinct) == 1:
                found.append(prefix)
                break
    return found
