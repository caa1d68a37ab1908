"""Which column of a table holds what. Free of torch and pandas."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from crossmodal.data.classes import ClassDataset
from crossmodal.data.file_dataset import SPLIT_NAMES, SplitName
from crossmodal.errors import UserError
from crossmodal.parameters import Parameters, nearest

Column = Annotated[str, Field(min_length=1)]


class Columns(Parameters):
    """The names of the columns of a table with a row for each image, or for each caption."""

    image: Column = "image"
    """The images: their bytes, a struct of bytes and path as Hugging Face writes it, or their paths."""
    captions: list[Column] = ["caption"]
    """The captions: texts, or lists of texts; of lists of structs COLUMN.FIELD. All columns are taken."""
    id: Column | None = None
    """What tells images apart; null takes their paths or, where images are bytes, file and row."""
    label: Column | None = None
    """The class; null where an image is its own label."""
    group: Column | None = None
    """The group that numbers may be split by."""
    split: Column | None = None
    """The split that a row is of."""

    def named(self) -> dict[str, list[str]]:
        """Return role -> columns, of the roles that have any."""
        roles = self.model_dump().items()
        return {role: [names] if isinstance(names, str) else names for role, names in roles if names}

    def check(self, where: object, there: Iterable[str]) -> None:
        """Raise UserError that names the first column which is not `there`, and those which are."""
        names = list(there)
        for role, columns in self.named().items():
            for column in columns:
                known = column in names or (role == "captions" and column.partition(".")[0] in names)
                if not known:
                    raise UserError(f"columns.{role}: {where}: {nearest(column, names, 'column there')}")


class TableDataset(ClassDataset):
    """Base of the kinds that read tables of which the parameters name the columns."""

    columns: Columns = Columns()
    """The names of the columns."""
    images: str | None = None
    """The folder that paths in the image column are below; null where the column holds the images themselves."""
    splits: dict[str, SplitName] = SPLIT_NAMES
    """What each value of the split column, or each split of the data, is here; restval: train, for example."""

    def has_classes(self) -> bool:
        return self.columns.label is not None and bool(self.templates)

    def split_of(self, value: object) -> SplitName:
        """Return the split for a value of the split column; ValueError for one that no parameter names."""
        try:
            return self.splits[str(value)]
        except KeyError:
            raise ValueError(f"unknown split {value!r}") from None


def texts(row: Mapping[str, Any], columns: Iterable[str]) -> list[Any]:
    """Return what `row` has in `columns`, lists taken apart; COLUMN.FIELD is that field of each struct in it."""
    found: list[Any] = []
    for name in columns:
        column, _, field = (name, "", "") if name in row else name.partition(".")
        value = row.get(column)
        for one in value if isinstance(value, list) else [value]:
            found.append(one.get(field) if field and isinstance(one, dict) else one)
    return found


def word(value: object) -> str:
    """Return a label, a group or an id as text; "" where there is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # whole numbers become floats where a row has none
    return str(value).strip() if isinstance(value, str | int | float) and value == value else ""
