from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.model import CLIP

from crossmodal.data.images import decode, encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder, embeddings, export, scratch
from crossmodal.models.scratch_params import Params

METADATA = {"model": "m" * 32, "dataset": "d" * 32}


@pytest.fixture(scope="module")
def nano() -> CLIP:
    torch.set_num_threads(1)  # small matrices on several threads are slow beside another busy process
    return scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)


def unit(n: int, d: int, seed: int = 0) -> embeddings.Vectors:
    vectors = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(max_examples=30)
@given(st.integers(0, 40), st.integers(1, 64), st.integers(0, 2**31))
def test_written_and_read(tmp_path_factory, n: int, d: int, seed: int) -> None:
    path = tmp_path_factory.mktemp("e") / "e.parquet"
    vectors, ids = unit(n, d, seed), [f"é/{i}" for i in range(n)]
    labels = [str(i % 3) for i in range(n)]
    embeddings.write_embeddings(path, ids, ids[::-1], labels, vectors, METADATA)
    read = embeddings.read_embeddings(path)
    assert (read.ids, read.image_ids, read.labels) == (ids, ids[::-1], labels)
    assert read.metadata == METADATA
    assert read.vectors.shape == (n, d)
    assert read.vectors.dtype == np.float32
    np.testing.assert_allclose(read.vectors, vectors, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(read.vectors, axis=1), 1, atol=1e-6)


def test_the_columns_are_those_of_the_design(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    embeddings.write_embeddings(path, ["a"], ["a"], ["x"], unit(1, 8), METADATA)
    schema = pq.read_schema(path)
    assert schema.names == ["id", "image_id", "label", "embedding"]
    assert schema.field("embedding").type == pa.list_(pa.float16(), 8)
    assert schema.metadata == {key.encode(): value.encode() for key, value in METADATA.items()}


def test_the_same_bytes_twice_and_across_row_groups(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(embeddings, "ROW_GROUP", 7)
    ids, vectors = [str(i) for i in range(50)], unit(50, 16)
    for name in ("a", "b"):
        embeddings.write_embeddings(tmp_path / name, ids, ids, ids, vectors, METADATA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.ParquetFile(tmp_path / "a").num_row_groups == 8
    np.testing.assert_allclose(embeddings.read_embeddings(tmp_path / "a").vectors, vectors, atol=1e-3)


@pytest.mark.parametrize("keep", [0, 10, 400])
def test_a_truncated_file_is_one_line(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "e.parquet"
    ids = [str(i) for i in range(50)]
    embeddings.write_embeddings(path, ids, ids, ids, unit(50, 16), METADATA)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"e\.parquet") as error:
        embeddings.read_embeddings(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("columns", [{"id": ["a"]}, {"embedding": [1.0], "id": ["a"]}])
def test_another_parquet_file_is_one_line(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.raises(UserError, match="not an embedding file"):
        embeddings.read_embeddings(tmp_path / "x.parquet")


def test_columns_of_other_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 embeddings need 2 ids"):
        embeddings.write_embeddings(tmp_path / "e", ["a"], ["a"], ["x"], unit(2, 4), METADATA)


def example(i: int, captions: list[str]) -> Example:
    picture = np.random.default_rng(i).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return Example(f"set/{i}", encode_png(picture), f"{i}.png", captions, f"label {i % 2}", "g", "s")


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_export_equals_one_at_a_time(nano: CLIP, tmp_path: Path, batch_size: int) -> None:
    examples = [example(i, [f"caption {k} of {i}" for k in range(i % 3)]) for i in range(7)]
    write_examples(tmp_path / "test.parquet", examples)
    images, captions = tmp_path / "images.parquet", tmp_path / "captions.parquet"
    nano.train()
    counts = export.export_embeddings(nano, tmp_path / "test.parquet", images, captions, batch_size, METADATA)
    assert nano.training
    nano.eval()
    assert counts == (7, 6)
    read = embeddings.read_embeddings(images)
    assert read.ids == read.image_ids == [e.image_id for e in examples]
    assert read.labels == [e.label for e in examples]
    assert read.metadata == METADATA
    for e, vector in zip(examples, read.vectors, strict=True):
        pixels = dual_encoder.to_pixels(torch.from_numpy(decode(e.image, 32).copy())[None])
        expected = dual_encoder.encode_images(nano, pixels)[0].detach().numpy()
        np.testing.assert_allclose(vector, expected, atol=1e-3)
    read = embeddings.read_embeddings(captions)
    rows = [(f"{e.image_id}#{k}", e, caption) for e in examples for k, caption in enumerate(e.captions)]
    assert read.ids == [row[0] for row in rows]
    assert read.image_ids == [row[1].image_id for row in rows]
    assert read.labels == [row[1].label for row in rows]
    for (_, _, caption), vector in zip(rows, read.vectors, strict=True):
        expected = dual_encoder.encode_texts(nano, clip.tokenize(nano, [caption]))[0].detach().numpy()
        np.testing.assert_allclose(vector, expected, atol=1e-3)


def test_what_a_set_shares_with_the_one_before_is_encoded_once(nano: CLIP, tmp_path: Path) -> None:
    """A shift of the images leaves the captions as they are; the files are those of sets embedded alone."""
    first = [example(i, [f"caption {i}"]) for i in range(5)]
    shifted = [replace(e, image=example(10 + i, []).image) for i, e in enumerate(first)]
    reworded = [replace(e, captions=[f"a caption {max(i, 2)}", "Caption 0"]) for i, e in enumerate(shifted)]
    calls: list[tuple[str, int]] = []

    class Counted(export.Encoded):
        def images(self, pixels, encode):
            return super().images(pixels, lambda: calls.append(("images", len(pixels))) or encode())

        def captions(self, tokens, width, encode):
            return super().captions(
                tokens, width, lambda new: calls.append(("captions", len(new))) or encode(new)
            )

    encoded = Counted()
    for name, examples in (("a", first), ("b", shifted), ("c", reworded)):
        write_examples(tmp_path / f"{name}.parquet", examples)
        for folder, memory in ((tmp_path / "shared", encoded), (tmp_path / "alone", None)):
            folder.mkdir(exist_ok=True)
            files = folder / f"{name}-images.parquet", folder / f"{name}-captions.parquet"
            export.export_embeddings(nano, tmp_path / f"{name}.parquet", *files, 2, METADATA, memory)
    assert calls == [("images", 5), ("captions", 5), ("images", 5), ("captions", 3)]
    for path in (tmp_path / "alone").iterdir():
        alone, shared = (embeddings.read_embeddings(x) for x in (path, tmp_path / "shared" / path.name))
        assert (alone.ids, alone.labels) == (shared.ids, shared.labels)
        # The neighbours in a batch differ, and with them the last bits.
        np.testing.assert_allclose(alone.vectors, shared.vectors, atol=1e-3)


def test_captions_that_a_file_has_are_taken_from_it(nano: CLIP, tmp_path: Path) -> None:
    examples = [example(i, [f"caption {i}", f"another caption {i}"]) for i in range(5)]
    write_examples(tmp_path / "known.parquet", examples)
    known = tmp_path / "known-images.parquet", tmp_path / "known-captions.parquet"
    export.export_embeddings(nano, tmp_path / "known.parquet", *known, 2, METADATA)
    shifted = [*reversed(examples[1:]), example(9, ["caption 1", "a new caption"])]
    write_examples(tmp_path / "shifted.parquet", shifted)
    encoded, new = export.Encoded(), []
    encoded.remember(nano, tmp_path / "known.parquet", known[1])
    own = encoded.captions
    encoded.captions = lambda tokens, width, encode: own(  # type: ignore[method-assign]
        tokens, width, lambda rows: new.append(len(rows)) or encode(rows)
    )
    found = tmp_path / "images.parquet", tmp_path / "captions.parquet"
    export.export_embeddings(nano, tmp_path / "shifted.parquet", *found, 2, METADATA, encoded)
    assert new == [1]
    before, after = embeddings.read_embeddings(known[1]), embeddings.read_embeddings(found[1])
    vectors = dict(zip(before.ids, before.vectors, strict=True))
    for name, vector in zip(after.ids, after.vectors, strict=True):
        if name in vectors:  # to the bit, though they were normalised and rounded once more
            np.testing.assert_array_equal(vector, vectors[name])
    np.testing.assert_array_equal(after.vectors[-2], vectors[before.ids[2]])


def test_embeddings_of_another_dataset_are_not_taken(nano: CLIP, tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 3)):  # as many captions, of other images
        examples = [example(i, [f"caption {i}"]) for i in range(first, first + 3)]
        write_examples(tmp_path / f"{name}.parquet", examples)
        files = tmp_path / f"{name}-images.parquet", tmp_path / f"{name}-captions.parquet"
        export.export_embeddings(nano, tmp_path / f"{name}.parquet", *files, 2, METADATA)
    with pytest.raises(UserError, match=r"b-captions\.parquet: holds other captions than .*a\.parquet"):
        export.Encoded().remember(nano, tmp_path / "a.parquet", tmp_path / "b-captions.parquet")


def test_captions_keep_their_places_whatever_their_lengths(nano: CLIP) -> None:
    tokens = clip.tokenize(nano, ["a b c d e f g", "a", "a b c", "a", "a b"])
    found = export.embed_captions(nano.eval(), tokens, 2)
    alone = [export.embed_captions(nano, one, 1)[0] for one in tokens.split(1)]
    np.testing.assert_allclose(found, alone, atol=1e-5)


def test_an_empty_split(nano: CLIP, tmp_path: Path) -> None:
    write_examples(tmp_path / "val.parquet", [])
    images, captions = tmp_path / "images.parquet", tmp_path / "captions.parquet"
    counts = export.export_embeddings(nano, tmp_path / "val.parquet", images, captions, 8, METADATA)
    assert counts == (0, 0)
    for path in (images, captions):
        assert embeddings.read_embeddings(path).vectors.shape == (0, 64)
