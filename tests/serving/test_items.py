"""Rows of the table of items, read group by group."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.serving import items as module
from crossmodal.serving.items import COLUMNS, Items


def table(n):
    columns = {name: [f"{name} {i}" for i in range(n)] for name in COLUMNS}
    columns["path"] = [None if i % 3 else f"path {i}" for i in range(n)]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


@given(
    n=st.integers(1, 40),
    group=st.integers(1, 12),
    kept=st.integers(1, 3),
    data=st.data(),
)
def test_rows_are_those_of_the_whole_table(tmp_path_factory, n, group, kept, data):
    path = tmp_path_factory.mktemp("items") / "items.parquet"
    pq.write_table(table(n), path, row_group_size=group)
    positions = data.draw(st.lists(st.integers(0, n - 1), max_size=20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "KEPT", kept)
        items = Items(path)
        whole = table(n).to_pylist()
        assert len(items) == n
        assert items.rows(positions) == [whole[position] for position in positions]


def test_a_table_without_captions_has_none(tmp_path):
    pq.write_table(table(3).drop_columns(["caption", "path"]), tmp_path / "items.parquet")
    (row,) = Items(tmp_path / "items.parquet").rows([2])
    assert (row["id"], row["caption"], row["path"]) == ("id 2", None, None)


def test_what_is_no_table_of_items_is_named(tmp_path):
    path = tmp_path / "items.parquet"
    with pytest.raises(UserError, match=r"items.parquet: no such file; an index folder has one"):
        Items(path)
    pq.write_table(table(3), path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="not a readable Parquet file"):
        Items(path)
    pq.write_table(table(3).drop_columns(["name"]), path)
    with pytest.raises(UserError, match="no column 'name'"):
        Items(path)
