"""What a dataset must have, checked against what its files list: a half-finished download looks like a dataset."""

from collections.abc import Mapping

from crossmodal.data.file_dataset import Expected
from crossmodal.data.tables import SPLITS
from crossmodal.errors import UserError


def check_expected(expected: Expected, counts: Mapping[str, int]) -> None:
    """Raise UserError that names the first of `counts` which is not the expected one."""
    for key, wanted in expected.model_dump().items():
        if wanted is not None and counts[key] != wanted:
            what = f"images in {key}" if key in SPLITS else key
            raise UserError(
                f"expected.{key}: the files list {counts[key]} {what} where {wanted} are expected; complete "
                f"the files, or correct expected.{key} if this is another version of the dataset"
            )
