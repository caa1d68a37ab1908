"""Parameters of the dataset kind `shapes`: procedural scenes, as many as asked for."""

from typing import Annotated, Literal

from pydantic import Field

from crossmodal.data.base import DatasetParameters, Splits
from crossmodal.parameters import Count


class Params(DatasetParameters):
    """Scenes of one to three coloured shapes with compositional captions."""

    kind: Literal["shapes"]
    n: Count
    """Number of scenes; a larger number keeps the first ones as they are."""
    image_size: Annotated[int, Field(ge=16)] = 64
    """Width and height of the images, px."""
    seed: int = Field(default=0, ge=0)
    """Seed of the scenes; the same scenes are drawn in every style."""
    style: Literal["flat", "outline", "textured"] = "flat"
    """How shapes are drawn: filled; as outlines; filled with stripes on a noisy ground."""
    max_objects: Annotated[int, Field(ge=1, le=3)] = 3
    """Largest number of shapes in a scene."""
    split: Splits = Splits()
    """Shares of scene descriptions: equal scenes are in one split, so the shares are met on average."""
