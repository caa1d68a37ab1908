"""What the parameters of every dataset have in common. Free of torch and pandas."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.packages import Package
from crossmodal.parameters import Count, Parameters, Share


class Splits(Parameters):
    """Shares of train, validation and test; what is split (concepts, scenes) is up to the dataset."""

    train: Share = 0.6
    """Share of the training split."""
    val: Share = 0.1
    """Share of the validation split, used for early stopping."""
    test: Share = 0.3
    """Share of the test split, used once, for the published numbers."""
    seed: int = 0
    """Seed of the assignment; datasets with equal shares, seed and fold split what they share alike."""
    folds: Count = 1
    """Folds of a cross-validation: their test splits have nothing in common; 1 for none."""
    fold: Annotated[int, Field(ge=0)] = 0
    """Which fold this is, from 0; 0 is the split without folds."""

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares train, val and test must sum to 1, they sum to {total:g}")
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds}: folds are counted from 0")
        if self.test * self.folds > 1 + 1e-9 and self.folds > 1:
            raise ValueError(
                f"{self.folds} folds with {self.test:g} of all in each test split would overlap; "
                f"test may be {1 / self.folds:.3g} at most"
            )
        return self


class DatasetParameters(Parameters):
    """Base of the class `Params` of every kind of dataset."""

    kind: str
    max_reject_share: Share = 0.01
    """Largest share of unusable images, 0 to 1; above it the dataset is not built."""

    def packages(self) -> tuple[Package, ...]:
        """Return the pinned source packages that `build` needs, by name in its `sources`."""
        return ()

    def pictures(self) -> frozenset[str]:
        """Return the names of the packages that its pictures are taken from; none where it draws or reads its
        own."""
        return frozenset(package.name for package in self.packages())

    def has_classes(self) -> bool:
        """Return whether labels are names that one can ask for, and no mere numbers of images."""
        return True

    def cluster(self) -> Literal["image_id", "group"]:
        """Return the column of what is resampled as one: images whose answers are not independent."""
        return "image_id"

    def files(self) -> dict[str, str]:
        """Return name -> path of the input files that `build` needs, by name in its `sources`."""
        return {}
