"""Typed parameters of the evaluation under attack, and the names of its results. Free of torch."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, field_serializer, field_validator, model_validator

from crossmodal.parameters import Count, Name, Parameters, Positive
from crossmodal.registry import any_of

if TYPE_CHECKING:
    AttackParameters = Any
else:
    AttackParameters = any_of("attacks")

ThreatModel = Literal["query-image", "gallery-image", "text"]
Goal = Literal["loss", "margin"]

SIDES: dict[ThreatModel, str] = {"query-image": "images", "gallery-image": "images", "text": "texts"}
"""What each threat model perturbs."""


class Threat(Parameters):
    """One threat model with its attack, at several strengths."""

    threat: ThreatModel
    """`query-image`: an image that asks for captions is perturbed. `text`: a caption that asks for images is.
    `gallery-image`: an image in the gallery is, so that its captions miss it."""
    attack: AttackParameters
    """The attack without its epsilon, stronger than the one trained against: 20 steps, restarts."""
    objective: Goal = "margin"
    """What the attack makes large for each query, and by which the best perturbation met is kept: the best wrong
    cosine less the best right one, where recall@1 is decided, or its cross-entropy over the gallery, which is
    weaker."""
    epsilons: Annotated[list[Positive], Field(min_length=1)]
    """Radii in the attack's unit, such as "4/255". Radius 0, the same queries unattacked, comes by itself."""

    @field_validator("attack", mode="before")
    @classmethod
    def _no_epsilon(cls, attack: Any) -> Any:
        if isinstance(attack, dict) and "epsilon" in attack:
            raise ValueError("an attack has no epsilon here: the threat's `epsilons` say how strong it is")
        return attack

    @field_serializer("attack")
    def _without_epsilon(self, attack: Any) -> dict[str, Any]:
        return {key: value for key, value in attack.model_dump(mode="json").items() if key != "epsilon"}

    @model_validator(mode="after")
    def _attack_fits(self) -> Self:
        side, attack = SIDES[self.threat], self.attack
        if attack.space not in (side, "embeddings"):
            raise ValueError(f'threat {self.threat}: the attack "{attack.kind}" is one on {attack.space}')
        if self.threat == "gallery-image" and attack.space == "embeddings":
            raise ValueError("threat gallery-image: an attack on images is needed, such as pgd_images")
        labels = {self.label(epsilon) for epsilon in (0, *self.epsilons)}
        if len(labels) <= len(self.epsilons):
            raise ValueError("epsilons: two of them, or one and 0, are equal to four decimal places")
        for epsilon in self.epsilons:
            self.at(epsilon)
        return self

    def at(self, epsilon: float) -> Any:
        """Return the attack's parameters with the radius `epsilon`."""
        values = self.attack.model_dump() | {"epsilon": epsilon}
        return type(self.attack).model_validate(values)

    def label(self, epsilon: float) -> str:
        """Return how a radius is called in names: `4of255` under L∞ on pixels, else the number, as in `0.1`."""
        if epsilon and self.attack.space == "images" and getattr(self.attack, "norm", "") == "linf":
            return f"{_decimal(epsilon * 255)}of255"
        return _decimal(epsilon)


class Variant(NamedTuple):
    """One point of a curve of recall against epsilon."""

    name: str
    """`<threat's name>-<label of epsilon>`, the `variant` of its number ids: `query-image-4of255`."""
    threat: Threat
    epsilon: float
    """0 for the clean result of the same queries."""


class ThreatParameters(Parameters):
    """The evaluation under attack: which queries, and the threats."""

    threats: dict[Name, Threat] = {}
    """By the name that their results bear."""
    images: Count | None = None
    """Images of the test split that are attacked, or whose captions ask; null for all. The gallery is whole."""
    captions: Literal["one", "all"] = "one"
    """Captions that ask for each of these images; which one follows from `seed` and the image's id."""
    batch_size: Count = 64
    """Queries attacked at once, and items encoded at once; that of the embeddings gives equal clean results."""
    sanity_queries: Count | None = None
    """Pairs of image and caption on which the attacks of queries are checked for signs of masked gradients, each
    at its largest epsilon: some 13 times the cost of as many queries at one epsilon. Null for none."""
    seed: int = 0
    """Of the choice of images and captions and of the attacks' random starts."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = variants(self)
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(
                f"threats: two results would be called {min(twice)!r}; give a threat another name"
            )
        return self


def _decimal(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")


def points(params: ThreatParameters) -> Iterator[Variant]:
    """Yield what is evaluated, a threat after the other by name, each from epsilon 0 upwards.

    Not in the order of params.yaml: a spec is sorted, so the job would not know it.
    """
    for name, threat in sorted(params.threats.items()):
        for epsilon in (0.0, *sorted(threat.epsilons)):
            yield Variant(f"{name}-{threat.label(epsilon)}", threat, epsilon)


def variants(params: ThreatParameters) -> list[str]:
    """Return the names of the results, in the order in which they are evaluated."""
    return [variant.name for variant in points(params)]
