"""Features of frozen towers: computed once, kept by content."""

from pathlib import Path

import torch

from crossmodal.models import dual_encoder
from crossmodal.models.projections import projection
from crossmodal.training import features
from crossmodal.training.features import frozen_features


def test_features_are_the_towers_own(build, patterns, tmp_path: Path) -> None:
    """Before the projection, once for each different caption, whatever its length and its place."""
    model, data = build("bert"), patterns()
    found = frozen_features(model, data, "cpu", tmp_path)
    assert found.texts.shape == (24, 32) and len(found.captions) == 48
    with torch.no_grad():
        images = projection(model, "image")(found.images)
        texts = projection(model, "text")(found.texts)[found.captions]
        expected = dual_encoder.image_features(model, dual_encoder.to_pixels(data.images))
        assert torch.allclose(images, expected, atol=1e-6)
        whole = model.encode_text(data.tokens.long())
    assert torch.allclose(texts, whole, atol=1e-6)


def test_captions_of_like_length_are_encoded_together(build, patterns, tmp_path: Path, monkeypatch) -> None:
    model, data = build("bert"), patterns()
    seen = []
    encode = dual_encoder.text_features

    def counted(model, tokens):
        seen.append(dual_encoder.without_padding(model, tokens).shape)
        return encode(model, tokens)

    monkeypatch.setattr(features, "text_features", counted)
    monkeypatch.setattr(features, "_BATCH", 12)
    frozen_features(model, data, "cpu", tmp_path)
    assert seen == [(12, 4), (12, 5)]  # "a hat", then "one small hat", with start and end


def test_kept_features_that_are_damaged_are_computed_again(
    build, patterns, tmp_path: Path, calls, capsys
) -> None:
    frozen_features(build("cnn"), patterns(), "cpu", tmp_path)
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-10])
    frozen_features(build("cnn"), patterns(), "cpu", tmp_path)
    assert len(calls) == 4 and capsys.readouterr().err.count("damaged") == 2
    frozen_features(build("cnn"), patterns(), "cpu", tmp_path)
    assert len(calls) == 4


def test_features_that_cannot_be_kept_are_no_reason_to_stop(
    build, patterns, tmp_path: Path, capsys, monkeypatch
) -> None:
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(features, "save_file", full)
    found = frozen_features(build("cnn"), patterns(), "cpu", tmp_path)
    assert len(found.images) == 24 and list(tmp_path.iterdir()) == []
    assert "cannot be kept" in capsys.readouterr().err
