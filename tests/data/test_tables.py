from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.data.tables import Example, read_examples, read_table, write_examples
from crossmodal.errors import UserError

EXAMPLES = st.lists(
    st.builds(
        Example,
        image_id=st.text(max_size=5),
        image=st.binary(max_size=20),
        path=st.text(max_size=5),
        captions=st.lists(st.text(max_size=9), max_size=3),
        label=st.text(max_size=5),
        group=st.text(max_size=5),
        style=st.text(max_size=5),
    ),
    max_size=6,
)


@settings(max_examples=40)
@given(examples=EXAMPLES)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, examples: list[Example]) -> None:
    path = tmp_path_factory.mktemp("table") / "a.parquet"
    assert write_examples(path, examples, {"key": "value"}) == len(examples)
    assert read_examples(path) == examples
    assert read_table(path).schema.metadata == {b"key": b"value"}


def test_several_row_groups(tmp_path: Path) -> None:
    examples = [Example(str(i), b"", "", [], "", "", "") for i in range(2500)]
    assert write_examples(tmp_path / "a.parquet", iter(examples)) == 2500
    assert read_examples(tmp_path / "a.parquet") == examples


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and then something else PAR1"])
def test_what_is_no_dataset_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet") as error:
        read_examples(path)
    assert "\n" not in str(error.value)
