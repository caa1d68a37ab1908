"""Answers of a session against a slow look at every item."""

import json
import shutil

import numpy as np
import pytest
import torch

from crossmodal.data.images import decode
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.serving.model import Model
from crossmodal.serving.session import open_session
from crossmodal.serving.weights import ModelFiles
from served import drawing, load, model_of


@torch.inference_mode()
def slow(model, examples, query):
    """Return (score, id) of all items by falling score, one by one."""

    def image(data):
        pixels = torch.from_numpy(decode(data, clip.image_size(model)).copy())[None]
        return dual_encoder.encode_images(model, dual_encoder.to_pixels(pixels))[0]

    if isinstance(query, bytes):
        asked = image(query)
    else:
        asked = dual_encoder.encode_texts(model, clip.tokenize(model, [query]))[0]
    return sorted(((float(image(e.image) @ asked), e.image_id) for e in examples), reverse=True)


@pytest.mark.parametrize(
    "query", ["the big red circle", "", drawing("red", "square"), drawing("grey", "stripe")]
)
def test_hits_are_those_of_a_look_at_every_item(session, index, drawings, query):
    hits = session.image(query, 5) if isinstance(query, bytes) else session.text(query, 5)
    expected = slow(load(index[1]), drawings[1], query)[:5]
    np.testing.assert_allclose([hit.score for hit in hits], [score for score, _ in expected], atol=1e-5)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    assert [hit.id for hit in hits] == [image_id for _, image_id in expected]
    known = {example.image_id: example for example in drawings[1]}
    for hit in hits:
        example = known[hit.id]
        assert (hit.label, hit.caption, hit.name) == (example.label, example.captions[0], example.path[:-4])
        assert hit.picture == example.image
        assert hit.path is None and hit.place == f"{drawings[0]}#{hit.row}"


def test_a_picture_of_the_index_finds_itself(session, drawings):
    for example in drawings[1][::5]:
        first = session.image(example.image, 1)[0]
        assert first.id == example.image_id and first.score == pytest.approx(1, abs=1e-4)


def test_more_than_there_is_gives_all(session):
    hits = session.text("a red square", 1000)
    assert len(hits) == 24 and len({hit.row for hit in hits}) == 24


def test_a_file_that_is_no_image_is_named(session, tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(UserError, match=r"a.png: not an image file; a query is text or the path of an image"):
        session.image(tmp_path / "a.png", 3)
    with pytest.raises(UserError, match=r"none.png: cannot be read \(No such file"):
        session.image(tmp_path / "none.png", 3)
    with pytest.raises(UserError, match="the image: empty file"):
        session.image(b"", 3)


def test_an_index_of_another_model_is_refused(index, base):
    with pytest.raises(UserError, match=r"was made with another model .* name the index's own"):
        open_session(index[0], model_of(ModelFiles(base)))


def test_an_index_that_names_no_model_is_believed(index, tmp_path, base):
    folder = tmp_path / "index"
    shutil.copytree(index[0], folder)
    card = json.loads((folder / "card.json").read_text())
    del card["model"]
    (folder / "card.json").write_text(json.dumps(card))
    assert open_session(folder, model_of(ModelFiles(base))).text("a red square", 2)


@pytest.mark.parametrize("name", ["card.json", "index.faiss", "points.json", "items.parquet"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_broken_folder_is_named_at_the_start(index, tmp_path, name, damage):
    folder = tmp_path / "index"
    shutil.copytree(index[0], folder)
    path = folder / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError) as refused:
        open_session(folder, model_of(index[1]))
    assert name in str(refused.value) and "\n" not in str(refused.value)


def test_a_model_that_is_gone_is_named(index, tmp_path):
    files = ModelFiles(tmp_path)
    with pytest.raises(UserError, match="no such"):
        open_session(index[0], Model(lambda: "x", files, lambda: load(files)))
