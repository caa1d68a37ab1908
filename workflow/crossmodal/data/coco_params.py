"""Parameters of the dataset kind `coco`: photographs with captions and instances in COCO's own files."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.file_dataset import FileDataset, SplitName

Part = Annotated[str, Field(pattern=r"^[^/\\]+$")]


class Params(FileDataset):
    """ROOT/annotations/captions_PART.json and ROOT/PART/*.jpg, as cocodataset.org gives them out."""

    kind: Literal["coco"]
    root: str = Field(min_length=1)
    """The folder that holds `annotations` and a folder of images for each part."""
    parts: dict[Part, SplitName | None] = Field(min_length=1)
    """What each part is here, such as {train2017: train, val2017: test}; null for each where `split` divides."""
    captions: str = "annotations/captions_{}.json"
    """The file of captions below `root`, with {} in the place of the part's name."""
    instances: str = "annotations/instances_{}.json"
    """The file of instances, read where a label is asked for."""
    images: str = "{}"
    """The folder of a part's images below `root`."""
    labels: Literal["image", "category"] = "image"
    """What an image's label is: itself, or the category whose instances cover most of it."""

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        if any(self.parts.values()) and not all(self.parts.values()):
            raise ValueError("parts: give each part its split, or null to all of them and shares as split")
        return self

    def is_split(self) -> bool:
        return any(self.parts.values())

    def split_key(self) -> str:
        return "a split for each of parts"

    def has_classes(self) -> bool:
        return self.labels == "category"

    def files(self) -> dict[str, str]:
        kinds = {
            "captions": self.captions,
            **({"instances": self.instances} if self.labels == "category" else {}),
        }
        return {
            f"{key}.{part}": f"{self.root}/{pattern.replace('{}', part)}"
            for part in self.parts
            for key, pattern in kinds.items()
        }
