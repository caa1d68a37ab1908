"""The linear maps that take both towers into the joint space, and the towers without them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

from torch import Tensor, nn

from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP

PLACES = {
    "image": ("visual.head.proj", "visual.proj", "visual.trunk.classifier"),
    "text": ("text.proj", "text.text_projection", "text_projection"),
}
"""Where open_clip keeps them: in its timm models and transformers, or in place of a timm model's classifier; in
Hugging Face's, its own, and its CLIP."""


class Projection(NamedTuple):
    """The last linear map of a tower: a layer, or a bare matrix [width, d] that features are multiplied by."""

    owner: nn.Module
    name: str
    """The attribute of `owner` that holds it."""

    @property
    def held(self) -> nn.Linear | nn.Parameter:
        """The map itself."""
        return cast(nn.Linear | nn.Parameter, getattr(self.owner, self.name))

    def parameters(self) -> list[nn.Parameter]:
        """Return what is trained of it."""
        return [self.held] if isinstance(self.held, nn.Parameter) else list(self.held.parameters())

    def __call__(self, features: Tensor) -> Tensor:
        """Return the embeddings [b, d], of any length, of a tower's `features` [b, width]."""
        return features @ self.held if isinstance(self.held, nn.Parameter) else self.held(features)


def projection(model: CLIP, tower: str) -> Projection:
    """Return the projection of `tower`, "image" or "text"; UserError where it does not end in a linear map."""
    for place in PLACES[tower]:
        path, _, name = place.rpartition(".")
        try:
            owner = model.get_submodule(path)
        except AttributeError:
            continue
        if isinstance(getattr(owner, name, None), nn.Linear | nn.Parameter):
            return Projection(owner, name)
    raise UserError(f"the {tower} tower does not end in a linear projection: there is none to align")


@contextmanager
def without(*projections: Projection) -> Iterator[None]:
    """Let the towers return the features that `projections` would take into the joint space."""
    held = [one.held for one in projections]
    for one, layer in zip(projections, held, strict=True):
        # open_clip takes a bare matrix that is None for "no projection".
        setattr(one.owner, one.name, nn.Identity() if isinstance(layer, nn.Linear) else None)
    try:
        yield
    finally:
        for one, layer in zip(projections, held, strict=True):
            setattr(one.owner, one.name, layer)
