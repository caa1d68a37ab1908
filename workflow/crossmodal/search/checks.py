"""What is wrong with an input, said in one line before anything is built."""

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors


def check_divides(kind: str, m: int, dimension: int) -> None:
    """Raise UserError unless `m` subquantisers divide `dimension`."""
    if dimension % m:
        fitting = [n for n in range(1, dimension + 1) if dimension % n == 0]
        raise UserError(f"index {kind}: m={m} must divide the dimension {dimension} ({fitting})")


def check_training(kind: str, vectors: int, needed: int) -> None:
    """Raise UserError where there are fewer training vectors than lists or than entries of a codebook."""
    if vectors < needed:
        raise UserError(
            f"index {kind}: {vectors} training vectors for {needed} lists or codebook entries; give at least "
            f"{needed} vectors, or lower nlist or bits"
        )


def check_count(count: int) -> None:
    """Raise UserError for a gallery without items."""
    if not count:
        raise UserError("the gallery is empty: an index needs one item at least")


def check_captions(captions: Vectors | None, key: str) -> Vectors:
    """Return the training captions that the parameter `key` needs, or raise UserError where there are none."""
    if captions is None or not len(captions):
        raise UserError(f"index: {key} needs training captions, and none are given")
    return captions
