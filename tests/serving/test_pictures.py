"""Pictures by place and by id, and as a page shows them."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.serving.pictures import Pictures, check_datasets
from crossmodal.serving.thumbnails import LIGHT, SHOWN, media_type, thumbnail
from served import drawing


def test_a_picture_is_found_by_its_id(drawings):
    path, examples = drawings
    pictures = Pictures([path])
    for row, example in enumerate(examples):
        assert pictures.find(example.image_id, None) == example.image
        assert pictures.place(example.image_id, None) == f"{path}#{row}"
    assert pictures.find("toy/none", None) is None and pictures.place("toy/none", None) is None


def test_the_first_dataset_that_has_an_id_counts(tmp_path):
    for name, colour in (("a", "red"), ("b", "blue")):
        image = drawing(colour, "square")
        write_examples(tmp_path / f"{name}.parquet", [Example("x", image, "x.png", [], "x", "g", "s")])
    found = Pictures([tmp_path / "b.parquet", tmp_path / "a.parquet"]).find("x", None)
    assert found == drawing("blue", "square")


def test_a_place_is_a_file_or_a_row_of_a_dataset(tmp_path):
    images = [drawing("red", "square"), drawing("blue", "circle"), drawing("grey", "stripe")]
    (tmp_path / "photo#1.png").write_bytes(images[2])
    rows = [
        {"bytes": images[0], "path": None},
        {"bytes": None, "path": "photo#1.png"},
        {"bytes": None, "path": None},
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(rows, kind)}), tmp_path / "set.parquet", row_group_size=1)
    pq.write_table(
        pa.table({"image": pa.array(images, pa.binary())}), tmp_path / "plain.parquet", row_group_size=2
    )
    pictures = Pictures(roots=[tmp_path])
    assert pictures.find("-", "photo#1.png") == images[2]
    assert pictures.find("-", str(tmp_path / "photo#1.png")) == images[2]
    assert [pictures.find("-", f"set.parquet#{row}") for row in range(4)] == [
        images[0],
        images[2],
        None,
        None,
    ]
    assert [pictures.find("-", f"plain.parquet#{row}") for row in range(3)] == images


def test_a_picture_that_is_gone_is_none(tmp_path):
    pictures = Pictures(roots=[tmp_path])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no PAR1")
    for place in ("gone.png", "gone.parquet#3", "broken.parquet#0", "a\0b"):
        assert pictures.find("-", place) is None


def test_datasets_without_pictures_are_named(tmp_path, drawings):
    check_datasets([drawings[0]])
    with pytest.raises(UserError, match="no such file"):
        check_datasets([tmp_path / "none.parquet"])
    pq.write_table(pa.table({"image_id": ["a"]}), tmp_path / "ids.parquet")
    with pytest.raises(UserError, match=r"ids.parquet: no column 'image'"):
        check_datasets([tmp_path / "ids.parquet"])
    Path(tmp_path / "text.parquet").write_text("text")
    with pytest.raises(UserError, match="not a readable Parquet file"):
        check_datasets([tmp_path / "text.parquet"])


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def test_small_pictures_go_out_as_they_are():
    image = Image.new("RGB", (20, 10), "red")
    for form, kind in (
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
    ):
        data = encoded(image, form)
        assert media_type(data) == kind and thumbnail(data) == (kind, data)


def test_large_and_rare_ones_are_drawn_anew():
    noise = np.random.default_rng(0).integers(0, 256, (400, 800, 3), dtype=np.uint8)
    for data in (encode_png(noise), encoded(Image.fromarray(noise[:50, :40]), "BMP")):
        assert len(data) > LIGHT or media_type(data) is None
        kind, shown = thumbnail(data)
        image = Image.open(io.BytesIO(shown))
        assert kind == "image/jpeg" and max(image.size) <= SHOWN
    assert Image.open(io.BytesIO(thumbnail(encode_png(noise))[1])).size == (320, 160)


def test_what_may_hold_a_script_is_never_sent():
    """Neither SVG nor HTML, whatever it says it is."""
    for data in (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"<html>", b"", b"\x89PNG"):
        assert media_type(data) is None and thumbnail(data) is None
