"""Mixed precision: matrix products in 16 bits, parameters and sums in float32 (Micikevicius et al. 2018)."""

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from crossmodal.errors import UserError

_LEAST_SCALE = 1.0


class Precision:
    """The mode of `TrainingParameters.mixed_precision` on a device.

    bf16 has the range of float32. fp16 has not: its losses are multiplied by a scale that shrinks when a
    gradient overflows, and that step is left out.
    """

    def __init__(self, mode: str, device: str) -> None:
        """Raise UserError where the device cannot do what `mode` asks for."""
        if mode == "auto":
            mode = "bf16" if device == "cuda" else "off"
        if mode == "fp16" and device != "cuda":
            raise UserError("training: mixed_precision fp16 needs a GPU and there is none; use bf16 or off")
        self.device = device
        self.type = {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[mode]
        self.scaler = torch.amp.GradScaler(device) if mode == "fp16" else None

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context of a forward pass.

        One for each pass: a context remembers the 16-bit copies of weights that it made, and those made without
        gradients would cut the gradients of a later pass.
        """
        return torch.autocast(self.device, self.type) if self.type else nullcontext()

    def autocast_attack(self) -> AbstractContextManager[object]:
        """Return the context of an attack: float32 where fp16 would round a pixel's small gradient to zero."""
        return nullcontext() if self.scaler else self.autocast()

    def scaled(self, loss: Tensor) -> Tensor:
        """Return what backward() is to be called on."""
        return self.scaler.scale(loss) if self.scaler else loss

    def unscale(self, optimiser: torch.optim.Optimizer) -> None:
        """Take the scale out of the gradients, before their norm is looked at."""
        if self.scaler:
            self.scaler.unscale_(optimiser)

    def tolerates(self, norm: float) -> bool:
        """Return whether training may go on with gradients of this `norm`: finite, or the scale can still fall."""
        return math.isfinite(norm) or (self.scaler is not None and self.scaler.get_scale() > _LEAST_SCALE)

    def step(self, optimiser: torch.optim.Optimizer) -> bool:
        """Take the optimiser's step and return whether it was taken: an overflow leaves it out."""
        if self.scaler is None:
            optimiser.step()
            return True
        before = self.scaler.get_scale()
        self.scaler.step(optimiser)
        self.scaler.update()
        return self.scaler.get_scale() >= before

    def state(self) -> dict[str, Tensor]:
        """Return what a run that is resumed must know: nothing but for fp16."""
        if self.scaler is None:
            return {}
        state = self.scaler.state_dict()
        return {name: torch.tensor(float(state[name])) for name in ("scale", "_growth_tracker")}

    def set_state(self, state: dict[str, Tensor]) -> None:
        """Put the tensors of `state` back."""
        if self.scaler and state:
            own = self.scaler.state_dict()
            own |= {"scale": float(state["scale"]), "_growth_tracker": int(state["_growth_tracker"])}
            self.scaler.load_state_dict(own)
