"""What the service takes and what it refuses, without a server."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from crossmodal.serving.limits import DEFAULT_TOP, Limits, Refusal, check_image, row_of, text_of, top_of
from served import drawing

LIMITS = Limits()


@given(st.text())
def test_top_is_a_whole_number_in_bounds_or_refused(text):
    try:
        top = top_of({"top": text}, LIMITS)
    except Refusal as refusal:
        assert refusal.status == 400 and "\n" not in refusal.message and len(refusal.message) < 200
    else:
        assert top == (DEFAULT_TOP if not text else int(text)) and 1 <= top <= LIMITS.top


@pytest.mark.parametrize("top", ["0", "-1", "101", "1.5", "1e2", "ten", "९", "1" * 5000, " 5"])
def test_other_tops_are_refused(top):
    with pytest.raises(Refusal, match="it must be a whole number from 1 to 100"):
        top_of({"top": top}, LIMITS)


def test_a_query_has_a_length():
    assert text_of({"q": f"  {'x' * 400} "}, LIMITS) == "x" * 400
    with pytest.raises(Refusal, match="q has 401 characters; at most 400"):
        text_of({"q": "x" * 401}, LIMITS)
    for empty in ({}, {"q": ""}, {"q": " \t\n"}):
        with pytest.raises(Refusal, match="no query"):
            text_of(empty, LIMITS)


def test_an_item_is_one_of_the_index():
    assert row_of({"like": "7"}, 8) == 7
    for like in ("8", "-1", "x", "", "9" * 30):
        with pytest.raises(Refusal) as refused:
            row_of({"like": like}, 8)
        assert refused.value.status == 404


def encoded(size, form, mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, format=form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_common_images_are_taken(form):
    check_image(encoded((9, 7), form), LIMITS)


@pytest.mark.parametrize(
    "data",
    [b"", b"text", encoded((9, 7), "EPS"), encoded((9, 7), "PDF"), b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe"],
)
def test_other_files_are_refused(data):
    with pytest.raises(Refusal) as refused:
        check_image(data, LIMITS)
    assert refused.value.status == 400


def test_an_image_has_a_number_of_pixels():
    """Told from its header: a file of some hundred bytes may unpack to gigabytes."""
    with pytest.raises(Refusal, match="the image has 36000000 pixels") as refused:
        check_image(encoded((6000, 6000), "PNG", "1"), LIMITS)
    assert refused.value.status == 413
    header = bytearray(drawing("red", "square"))
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(Refusal) as refused:
        check_image(bytes(header), LIMITS)
    assert refused.value.status in (400, 413)


def test_the_documented_limits_are_the_real_ones():
    page = (Path(__file__).resolve().parents[2] / "docs/searching.md").read_text(encoding="utf-8")
    served = page[page.index("## Serve") :]
    assert f"more than {LIMITS.query} characters" in served and f"not from 1 to {LIMITS.top}," in served
    assert (
        f"more than {LIMITS.body // 10**6} MB, an image of more than {LIMITS.pixels // 10**6} million"
        in served
    )
    assert (
        f"takes more than {LIMITS.seconds:g} s" in served and f"more than {LIMITS.waiting} requests" in served
    )
