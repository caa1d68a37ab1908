"""What `crossmodal embed` makes of a part of a dataset, for the layouts that write it."""

from dataclasses import dataclass

from crossmodal.models.embeddings import Vectors


@dataclass(frozen=True, slots=True)
class Shard:
    """Some images in the dataset's order, and the captions of these images."""

    number: int
    """Which shard it is, from 0."""
    shards: int
    """How many there will be at most."""
    image_ids: list[str]
    labels: list[str]
    names: list[str]
    """What a person would call each image, such as its file's name."""
    paths: list[str | None]
    """Where each picture is (formats/pictures.py)."""
    images: Vectors
    """float32 [n, d], unit length."""
    owners: list[int]
    """The row in this shard of the image that each caption describes, ascending."""
    texts: list[str]
    captions: Vectors
    """float32 [m, d], unit length; [0, d] where no image has a caption."""

    def first_captions(self) -> list[int | None]:
        """Return for each image the row of its first caption, None where it has none."""
        first: list[int | None] = [None] * len(self.image_ids)
        for row in range(len(self.owners) - 1, -1, -1):
            first[self.owners[row]] = row
        return first
