"""Parameters of LoRA with the last blocks unfrozen."""

from typing import Literal

from crossmodal.adaptation.lora_params import LoRAParameters
from crossmodal.parameters import Count


class Params(LoRAParameters):
    """LoRA, and the last blocks of each adapted tower train as a whole."""

    kind: Literal["lora_blocks"]
    """LoRA + the last k blocks unfrozen."""
    blocks: Count = 1
    """How many blocks k of each adapted tower train as a whole, counted from its output."""
