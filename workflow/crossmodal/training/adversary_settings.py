"""Typed parameters of adversarial training. Free of torch."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from crossmodal.parameters import Count, Parameters, Share
from crossmodal.registry import any_of, module_name

if TYPE_CHECKING:
    from typing import Any

    AttackParameters = Any
else:
    AttackParameters = any_of("attacks")


class _Sides(Parameters):
    """An attack on images, on texts, or on both together."""

    images: AttackParameters | None = None
    """Attack on images: on pixels (pgd_images, fgsm) or on their embedding (pgd_embeddings); none for none."""
    texts: AttackParameters | None = None
    """Attack on texts: on token embeddings (pgd_texts) or on their embedding (pgd_embeddings); none for none."""

    @model_validator(mode="after")
    def _sides_fit(self) -> Self:
        if self.images is None and self.texts is None:
            raise ValueError("an adversary needs an attack: give images, texts or both")
        for side, attack in (("images", self.images), ("texts", self.texts)):
            if attack is not None and attack.space not in (side, "embeddings"):
                raise ValueError(f'{side}: the attack "{attack.kind}" is one on {attack.space}')
        return self

    def modules(self) -> list[str]:
        """Return the dotted names of the attacks' modules: roots of a job's code fingerprint."""
        return [module_name("attacks", attack.kind) for attack in (self.images, self.texts) if attack]


class RobustCheck(_Sides):
    """Attacks on validation data by the margin, from the same random starts each time."""

    max_images: Count | None = 256
    """At most so many images, evenly spaced in the split, with all of their captions: both the queries and the
    gallery of the robust recall. None for the whole split, whose clean recall is then comparable."""


class RobustValidation(RobustCheck):
    """Attacks on validation data after each epoch."""

    select_on: Literal["clean", "robust"] = "clean"
    """Recall@1 by which the best epoch is chosen and training ends early. After the first epochs of adversarial
    training the clean one often falls while the robust one still rises."""


class AdversaryParameters(_Sides):
    """Min-max training (Madry et al. 2018): part of each batch is attacked before the step."""

    objective: Literal["retrieval", "fare"] = "retrieval"
    """What the attack makes large and the step small. retrieval: the contrastive loss of the batch. fare: the
    squared distance of an attacked image's embedding from the clean image's before training (Schlarmann et
    al. 2024), without captions."""
    clean_share: Share = 0.5
    """Share of each batch that is left clean."""
    epsilon_warmup_share: Share = 0.0
    """Share of all steps over which epsilon, and with it the step size, rises linearly from 0; 0 for none."""
    validation: RobustValidation | None = None
    """Attacks on the validation split after each epoch; none for clean validation only. Where training attacks
    with one step, the recall under that step is measured too, and the two tell catastrophic overfitting."""

    @model_validator(mode="after")
    def _trains(self) -> Self:
        for side, attack in (("images", self.images), ("texts", self.texts)):
            if attack is not None and getattr(attack, "restarts", 1) > 1:
                raise ValueError(f"{side}: training attacks from one start, restarts must be 1")
        if self.objective == "fare":
            if self.texts is not None or self.images is None:
                raise ValueError("texts: the objective fare attacks images only; leave texts out")
            if self.images.space != "images":
                raise ValueError(f"images: the objective fare attacks pixels, not {self.images.space}")
            if not getattr(self.images, "random_start", False):
                raise ValueError(
                    "images: the objective fare needs an attack with random_start: at the image itself the"
                    " distance is smallest and has no gradient"
                )
        return self

    @property
    def one_step(self) -> RobustCheck | None:
        """Return the validation under the attack of training where that takes one step and several check it.

        It is on the sides that are checked, so that the two compare. None where nothing is checked, where training
        leaves a checked side alone or attacks with several steps, or where the check takes one step itself.
        """
        check = self.validation
        if check is None or not _takes_one_step(self) or _takes_one_step(check):
            return None
        images, texts = (
            own if checked else None
            for own, checked in ((self.images, check.images), (self.texts, check.texts))
        )
        if (images is None) != (check.images is None) or (texts is None) != (check.texts is None):
            return None
        return RobustCheck(images=images, texts=texts, max_images=check.max_images)

    @property
    def select_on(self) -> Literal["clean", "robust"]:
        """Return the validation recall by which the best epoch is chosen."""
        return "clean" if self.validation is None else self.validation.select_on

    def modules(self) -> list[str]:
        """Return the dotted names of the modules that this adversary runs: roots of a job's fingerprint."""
        names = ["crossmodal.training.adversary", *super().modules()]
        names += ["crossmodal.training.fare"] if self.objective == "fare" else []
        if self.validation is not None:
            names += ["crossmodal.training.robust_validation", *self.validation.modules()]
        return list(dict.fromkeys(names))


def _takes_one_step(sides: _Sides) -> bool:
    """Return whether every attack of `sides` is of one gradient step (Goodfellow et al. 2015)."""
    return all(getattr(attack, "steps", 1) == 1 for attack in (sides.images, sides.texts) if attack)
