"""The gallery: queries that nobody picked, with what was found."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal.report.gallery import Gallery, select_queries
from crossmodal.report.page import ReportInputs


@pytest.fixture
def gallery(inputs: ReportInputs) -> Gallery:
    assert inputs.gallery is not None
    return Gallery(inputs.gallery)


def test_the_gallery_shows_right_and_wrong_in_both_directions(inputs: ReportInputs, gallery: Gallery) -> None:
    chosen = select_queries(inputs.queries, ("lora-r8", "openmoji", "clean"), gallery)
    assert [(q.direction, q.right) for q in chosen] == [
        (direction, right)
        for direction in ("text_to_image", "image_to_text")
        for right in (True, False)
        for _ in range(3)
    ]
    for query in chosen:
        owner = query.query_id.partition("#")[0]
        positives = [item for item in query.items if item.positive]
        assert all(gallery.owner(item.item_id) == owner for item in positives)
        assert [item.rank for item in query.items] == [1, 2, 3, 4, 5]
        if query.rank <= 5:
            assert [item.rank for item in positives] == [query.rank] and query.expected is None
        else:
            assert not positives and query.expected is not None
            assert gallery.owner(query.expected.item_id) == owner


def test_the_order_of_rows_does_not_matter(inputs: ReportInputs, gallery: Gallery, tmp_path: Path) -> None:
    key = ("lora-r8", "openmoji", "clean")
    path = inputs.queries[*key, "text_to_image"]
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array(range(len(table) - 1, -1, -1))), tmp_path / "reversed.parquet")
    turned = {(*key, d): tmp_path / "reversed.parquet" for d in ("text_to_image", "image_to_text")}
    assert select_queries(turned, key, gallery) == select_queries(inputs.queries, key, gallery)


def test_what_cannot_be_shown_is_left_empty(gallery: Gallery) -> None:
    assert gallery.thumbnail("shape-005") == ""  # not an image
    assert gallery.thumbnail("shape-000").startswith("data:image/webp;base64,")
    assert gallery.caption("shape-000#9") == gallery.caption("elsewhere#0") == ""
    assert gallery.label("elsewhere") is None
