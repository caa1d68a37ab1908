"""Classes as captions: names of classes in words, put into templates. Free of torch and pandas."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from crossmodal.data.file_dataset import FileDataset
from crossmodal.errors import UserError
from crossmodal.parameters import nearest


def _one_place(template: str) -> str:
    if template.count("{}") != 1:
        raise ValueError(f"got {template!r}; a template has {{}} once, where the name of the class goes")
    return template


Template = Annotated[str, AfterValidator(_one_place)]
"""A caption with {} in the place of the class's name."""


class ClassDataset(FileDataset):
    """Base of the kinds whose images may have a class in the place of captions or beside them."""

    templates: list[Template] = []
    """Captions to make of the name of an image's class, such as "a photo of a {}."."""
    classes: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """Names in words by the names that the data have, such as n01440764: tench; others are kept, with spaces for
    underscores."""
    classes_file: str | None = None
    """A JSON file, one object of the same form, for many classes; `classes` stands before it."""

    def class_files(self) -> dict[str, str]:
        """Return the part of `files()` that is about classes."""
        return {"classes_file": self.classes_file} if self.classes_file else {}


class Classes:
    """The names in words of the classes of a dataset."""

    def __init__(self, params: ClassDataset, sources: Mapping[str, Path]) -> None:
        """Read the file of class names, if there is one; UserError where it is none."""
        self.templates = params.templates
        self._inline = params.classes
        self._words = dict(params.classes)
        if "classes_file" in sources:
            self._words = _read(sources["classes_file"]) | self._words

    def words(self, name: str) -> str:
        """Return the name in words of the class that the data call `name`."""
        return self._words.get(name) or " ".join(name.replace("_", " ").split())

    def captions(self, name: str) -> list[str]:
        """Return a caption of each template for the class that the data call `name`; none for no name."""
        words = self.words(name)
        return [template.replace("{}", words) for template in self.templates] if words else []

    def check(self, names: list[str]) -> None:
        """Raise UserError where the parameters name a class in words that is none of the `names` of the data.

        A file of class names may have others: one of ImageNet's serves parts of ImageNet, too.
        """
        for name in self._inline:
            if name not in names:
                raise UserError(f"classes: {nearest(name, names[:50], 'class of the data')}")


def _read(path: Path) -> dict[str, str]:
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"classes_file: {path} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"classes_file: {path} is not JSON ({error})") from None
    if not isinstance(content, dict) or not all(isinstance(v, str) and v.strip() for v in content.values()):
        raise UserError(f"classes_file: {path} must be one JSON object of names in words by class")
    return content
