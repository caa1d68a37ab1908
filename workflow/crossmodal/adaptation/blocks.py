"""The transformer blocks of a tower, told by the attention that each holds."""

import re

from torch import nn

from crossmodal.adaptation.targets import Towers, find_targets, wanted_towers
from crossmodal.errors import UserError


def last_blocks(model: nn.Module, towers: Towers, count: int, method: str) -> list[str]:
    """Return the dotted names of the last `count` transformer blocks of each of `towers`, in the model's order.

    A block is the largest numbered module that holds one attention module alone, for example
    `visual.transformer.resblocks.11`. Raises UserError, beginning with the name of the `method`, for a tower
    that has fewer of them.
    """
    found: list[str] = []
    for tower in wanted_towers(towers):
        targets = find_targets(model, "qkv", tower, method)
        blocks = _blocks([target.attention for target in targets if target.attention])
        if count > len(blocks):
            raise UserError(
                f"{method}: blocks is {count}, but the {tower} tower has {len(blocks)} transformer blocks"
            )
        found += blocks[-count:]
    return found


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
