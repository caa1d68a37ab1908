"""What the parameters of every dataset have in common. Free of torch and pandas."""

from typing import Self

from pydantic import model_validator

from crossmodal.data.packages import Package
from crossmodal.parameters import Parameters, Share


class Splits(Parameters):
    """Shares of train, validation and test; what is split (concepts, scenes) is up to the dataset."""

    train: Share = 0.6
    """Share of the training split."""
    val: Share = 0.1
    """Share of the validation split, used for early stopping."""
    test: Share = 0.3
    """Share of the test split, used once, for the published numbers."""
    seed: int = 0
    """Seed of the assignment; datasets with equal shares and seed split what they share alike."""

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares train, val and test must sum to 1, they sum to {total:g}")
        return self


class DatasetParameters(Parameters):
    """Base of the class `Params` of every kind of dataset."""

    kind: str
    max_reject_share: Share = 0.01
    """Largest share of unusable images, 0 to 1; above it the dataset is not built."""

    def packages(self) -> tuple[Package, ...]:
        """Return the pinned source packages that `build` needs, by name in its `sources`."""
        return ()

    def files(self) -> dict[str, str]:
        """Return name -> path of the input files that `build` needs, by name in its `sources`."""
        return {}
