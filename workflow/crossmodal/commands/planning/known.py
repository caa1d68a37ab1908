"""What a plan knows of a study, and what it says of a job."""

from collections.abc import Mapping
from dataclasses import dataclass

from crossmodal.commands.planning.networks import Network
from crossmodal.commands.planning.sizes import Size, set_size
from crossmodal.jobs.rules import Wildcards
from crossmodal.study.study import SetName, Study

FLOAT, HALF = 4, 2
ADAM = 3
"""Values kept for a trained parameter beside itself: its gradient and AdamW's two moments."""


@dataclass(frozen=True)
class Work:
    """What one job takes; None where that is known once a dataset or a model is made."""

    rule: str
    wildcards: Wildcards
    flops: float | None = 0.0
    trains: bool = False
    memory: float | None = 0.0
    """Bytes of the model, of what training keeps, and of one batch; without the libraries themselves."""
    disk: float = 0.0


@dataclass(frozen=True)
class Known:
    """A study with the sizes of its datasets and the costs of its models, as far as they are known."""

    study: Study
    sizes: Mapping[str, Size | None]
    networks: Mapping[str, Network | None]

    def sets(self, names: list[SetName]) -> tuple[int, int] | None:
        """Return images and captions of all sets together."""
        if any(self.sizes.get(name.dataset) is None for name in names):
            return None
        found = [set_size(self.sizes, name) for name in names]
        return sum(images for images, _ in found), sum(captions for _, captions in found)

    def classes(self, dataset: str) -> int | None:
        """Return how many classes a dataset has."""
        size = self.sizes.get(dataset)
        return size.labels if size else None
