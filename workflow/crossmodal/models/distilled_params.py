"""Parameters of a student that is distilled from another model of the study."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, WithJsonSchema, field_validator, model_validator

from crossmodal.models.base import ModelParameters
from crossmodal.models.distillation_settings import DistillationParameters
from crossmodal.models.scratch_params import Params as ScratchParams
from crossmodal.models.student_architecture import StudentImage, StudentText, misfit, student_cfg
from crossmodal.models.towers_params import ImageTower
from crossmodal.parameters import Count, Name, Share

_Config = Annotated[
    dict[str, Any] | None,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "null"}]}),
]


class Params(ModelParameters):
    """A student with half of the parameters of its teacher, another model of the study."""

    kind: Literal["distilled"]
    """A smaller model that learns from a larger one."""
    teacher: Name
    """The model of the study that it learns from and whose weights it inherits, where shapes allow."""
    cell: Name | None = None
    """A cell that adapts `teacher`: the adapted model, with the student's seed or else the cell's first, is then
    the teacher; null for the base model itself. Its method has to be one that can be merged."""
    image: StudentImage = Field(default_factory=StudentImage)
    """What is different about its image tower."""
    text: StudentText = Field(default_factory=StudentText)
    """What is different about its text tower."""
    embed_dim: Count | None = None
    """Width of its joint embedding; null for the teacher's. Where they differ a linear map that is trained along,
    and thrown away at the end, takes its embeddings into the teacher's space."""
    config: _Config = None
    """An architecture of its own in place of all that: a name under models/configs or the path of a JSON file in
    open_clip's hub layout."""
    losses: DistillationParameters = Field(default_factory=DistillationParameters)
    """What it learns from its teacher."""
    largest_share: Share = 0.55
    """Greatest share of the teacher's parameters that it may have, the token table left out of both: half,
    and room for what stands outside the layers. A larger one is refused before it is trained."""

    _teacher: Any = PrivateAttr(default=None)

    @field_validator("config", mode="before")
    @classmethod
    def _architecture(cls, value: Any) -> Any:
        try:
            return None if value is None else ScratchParams(kind="scratch", config=value).config
        except ValidationError as error:
            raise ValueError(_first(error)) from None

    @model_validator(mode="after")
    def _derived_or_given(self) -> Self:
        defaults = {"image": StudentImage(), "text": StudentText(), "embed_dim": None}
        derived = [key for key, default in defaults.items() if getattr(self, key) != default]
        if self.config is not None and derived:
            raise ValueError(f"config is the whole architecture: it leaves no room for {derived[0]}")
        if self.image.architecture is not None:
            if self.image.layers or self.image.width:
                raise ValueError("image: an architecture of timm takes neither layers nor width")
            try:
                ImageTower(architecture=self.image.architecture, weights="random")
            except ValidationError as error:
                raise ValueError(f"image.{_first(error)}") from None
        return self

    def bind(self, teacher: Any) -> str | None:
        """Take the parameters of `teacher`; return why it cannot be this student's, in words, if it cannot.

        What follows from the teacher (`model_cfg`, `tower_files`) can be asked for afterwards.
        """
        self._teacher = teacher
        try:
            text = teacher.model_cfg()["text_cfg"]
            if self.config is None and text.get("hf_model_name") and not teacher.tower_files(""):
                name = text["hf_model_name"]
                return f"the text tower of its teacher, {name}, is no folder here; give it a config"
            return misfit(self.model_cfg(), teacher.model_cfg())
        except ValueError as error:
            return str(error)

    @property
    def cuts_text_tower(self) -> bool:
        """Whether its text tower is one of Hugging Face with fewer layers: a config.json of its own."""
        return self.config is None and bool(self._bound().model_cfg()["text_cfg"].get("hf_model_name"))

    def _bound(self) -> Any:
        if self._teacher is None:
            raise RuntimeError("what follows from a student's teacher is known where a study has bound it")
        return self._teacher

    def model_cfg(self) -> dict[str, Any]:
        """Return the architecture in open_clip's words; a text tower of Hugging Face is named as the teacher's."""
        if self.config is not None:
            config: dict[str, Any] = self.config["model_cfg"]
            return config
        teacher: dict[str, Any] = self._bound().model_cfg()
        folder = teacher["text_cfg"].get("hf_model_name")
        return student_cfg(teacher, self.image, self.text, self.embed_dim, folder)

    def tower_files(self, towers: str) -> list[str]:
        """Return the teacher's files, of which the tokenizer is the student's too."""
        files: list[str] = self._bound().tower_files(towers) if self.cuts_text_tower else []
        return files

    def adapts_by_default(self) -> bool:
        return False

    def holds_statistics(self) -> bool:
        """Return whether the image tower, and the statistics with it, are the teacher's."""
        return self.config is None and self.image.architecture is None


def _first(error: ValidationError) -> str:
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
