"""`crossmodal shift` on a dataset made for the test."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal import registry
from crossmodal.data.tables import read_examples
from crossmodal.shifts.apply import shift_split


def left_behind(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "toy.parquet")


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ("--kind fog --severity 3", {"kind": "corruption", "name": "fog", "severity": 3}),
        ("--kind resolution --size 16", {"kind": "resolution", "size": 16}),
        ("--kind word_order --severity 5", {"kind": "word_order", "severity": 5}),
    ],
)  # fmt: skip
def test_it_is_the_shift_of_the_library(crossmodal, dataset, tmp_path, options, params):
    done = crossmodal("shift", dataset, *options.split(), "--seed", 4, "--out", tmp_path / "out.parquet")
    assert done.status == 0, done.err
    assert done.out.startswith(f"{tmp_path / 'out.parquet'}: 8 images, ")
    shift_split(dataset, tmp_path / "expected.parquet", registry.parse("shifts", params), seed=4)
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "expected.parquet").read_bytes()
    assert left_behind(tmp_path) == ["expected.parquet", "out.parquet"]


def test_images_or_captions_change_and_nothing_else(crossmodal, dataset, tmp_path):
    for kind, changed in (("typos", "captions"), ("gaussian_noise", "image")):
        crossmodal("shift", dataset, "--kind", kind, "--severity", 5, "--out", tmp_path / kind)
        for old, new in zip(read_examples(dataset), read_examples(tmp_path / kind), strict=True):
            differing = {name for name in old.__slots__ if getattr(old, name) != getattr(new, name)}
            assert differing == {changed}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--kind jpeg --severity 3", 'error: --kind: got "jpeg", which is no shift'),
        ("--kind typoes --severity 3", 'did you mean "typos"?'),
        ("--kind corruption --severity 3", 'got "corruption", which is no shift'),
        ("--kind fog --severity 6", "error: --kind fog: severity: got 6; accepts less than or equal to 5"),
        ("--kind fog", "error: --kind fog: severity: is missing"),
        ("--kind fog --severity 2 --size 3", 'error: --kind fog: got "size", which is no key here'),
        ("--kind resolution --severity 3", "severity"),
    ],
)
def test_wrong_options_are_one_line(crossmodal, dataset, tmp_path, options, problem):
    done = crossmodal("shift", dataset, *options.split(), "--out", tmp_path / "out.parquet")
    assert done.status == 1 and done.out == ""
    assert problem in done.err and done.err.count("\n") == 1
    assert left_behind(tmp_path) == []


def test_wrong_files_are_one_line_and_leave_nothing(crossmodal, dataset, tmp_path):
    def fails(source, out=tmp_path / "out.parquet"):
        done = crossmodal("shift", source, "--kind", "fog", "--severity", 1, "--out", out)
        assert done.status == 1
        said = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert len(said) == 1 and "Traceback" not in done.err
        return said[0]

    table = pq.read_table(dataset)
    assert "no such file" in fails(tmp_path / "nothing.parquet")
    assert "no such file" in fails(tmp_path)
    (tmp_path / "text.parquet").write_text("hello")
    assert "not a readable Parquet file" in fails(tmp_path / "text.parquet")
    pq.write_table(table.drop_columns(["label"]), tmp_path / "narrow.parquet")
    assert "no column 'label'; a dataset has image_id, image, captions" in fails(tmp_path / "narrow.parquet")
    one = table.set_column(2, "captions", pa.array(["a caption"] * 8))
    pq.write_table(one, tmp_path / "flat.parquet")
    assert "column 'captions' holds string; in a dataset it holds list" in fails(tmp_path / "flat.parquet")
    holes = table.set_column(3, "label", pa.array([None, *table["label"].to_pylist()[1:]]))
    pq.write_table(holes, tmp_path / "holes.parquet")
    assert "column 'label' has 1 empty (null) values" in fails(tmp_path / "holes.parquet")
    rows = table.to_pylist()
    rows[5]["image"]["bytes"] = rows[5]["image"]["bytes"][:40]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "broken.parquet")
    assert "image toy/grey: " in fails(tmp_path / "broken.parquet")
    assert "is the input" in fails(dataset, dataset)
    assert "is a folder" in fails(dataset, tmp_path)
    assert "there is no folder" in fails(dataset, tmp_path / "no" / "out.parquet")
    assert not list(tmp_path.glob(".*")) and not (tmp_path / "out.parquet").exists()
    assert pq.read_table(dataset).equals(table)


def test_datasets_of_other_writers_are_read(crossmodal, dataset, tmp_path):
    """Large strings, more columns, images without a file name, as other libraries write them."""
    table = pq.read_table(dataset)
    rows = table.to_pylist()
    for row in rows:
        row["image"]["path"], row["more"] = None, 1.5
    schema = pa.schema(
        [
            ("more", pa.float64()),
            ("image_id", pa.large_string()),
            ("image", pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])),
            ("captions", pa.large_list(pa.large_string())),
            *((name, pa.large_string()) for name in ("label", "group", "style")),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "other.parquet")
    for kind in ("fog", "typos"):
        out = tmp_path / f"{kind}.parquet"
        done = crossmodal("shift", tmp_path / "other.parquet", "--kind", kind, "--severity", 2, "--out", out)
        assert done.status == 0, done.err
        assert [e.image_id for e in read_examples(out)] == table["image_id"].to_pylist()
