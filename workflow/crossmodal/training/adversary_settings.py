"""Typed parameters of adversarial training. Free of torch."""

from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from crossmodal.parameters import Parameters, Share
from crossmodal.registry import any_of

if TYPE_CHECKING:
    AttackParameters = Parameters
else:
    AttackParameters = any_of("attacks")


class AdversaryParameters(Parameters):
    """Min-max training (Madry et al. 2018): part of each batch is attacked before the step."""

    images: AttackParameters | None = None
    """Attack on pixels, such as pgd_images; none for no attack on images."""
    texts: AttackParameters | None = None
    """Attack on token embeddings, such as pgd_texts; none for no attack on texts."""
    clean_share: Share = 0.5
    """Share of each batch that is left clean."""

    @model_validator(mode="after")
    def _sides_fit(self) -> Self:
        if self.images is None and self.texts is None:
            raise ValueError("an adversary needs an attack: give images, texts or both")
        for side, attack in (("images", self.images), ("texts", self.texts)):
            if attack is not None and attack.space != side:  # type: ignore[attr-defined]
                raise ValueError(
                    f'{side}: the attack "{attack.kind}" is one on {attack.space}'  # type: ignore[attr-defined]
                )
            if attack is not None and getattr(attack, "restarts", 1) > 1:
                raise ValueError(f"{side}: training attacks from one start, restarts must be 1")
        return self
