import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from crossmodal.data import images
from crossmodal.data.images import decode, encode_png, open_rgb


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def halves(width: int = 40, height: int = 20) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 0, 255), (width // 2, 0, width, height))
    return image


def near(pixel: tuple[int, ...], expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, expected, strict=True))


def test_cmyk() -> None:
    image = open_rgb(encoded(halves().convert("CMYK"), "JPEG", quality=95))
    assert image.mode == "RGB" and near(image.getpixel((5, 10)), (255, 0, 0), 30)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette(mode: str) -> None:
    white = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    assert open_rgb(encoded(white)).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_white(mode: str) -> None:
    assert open_rgb(encoded(Image.new(mode, (8, 8), 0))).getpixel((4, 4)) == (255, 255, 255)


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = Image.new("P", (8, 8), 3)
    image.putpalette([0, 0, 0] * 256)
    assert open_rgb(encoded(image, transparency=3)).getpixel((4, 4)) == (255, 255, 255)


@given(grey=st.integers(0, 65535))
def test_sixteen_bits_are_scaled(grey: int) -> None:
    image = Image.fromarray(np.full((4, 4), grey, dtype=np.uint16))
    assert abs(open_rgb(encoded(image)).getpixel((2, 2))[0] - grey / 257) <= 1


def test_floating_point_with_holes() -> None:
    values = np.array([[0.0, 0.5], [1.0, np.nan]], dtype=np.float32)
    image = open_rgb(encoded(Image.fromarray(values), "TIFF"))
    assert np.asarray(image)[..., 0].tolist() == [[0, 128], [255, 0]]


@pytest.mark.parametrize(
    ("orientation", "size", "red", "blue"),
    [
        (1, (40, 20), (5, 10), (35, 10)),
        (3, (40, 20), (35, 10), (5, 10)),
        (6, (20, 40), (10, 5), (10, 35)),
        (8, (20, 40), (10, 35), (10, 5)),
    ],
)
def test_exif_rotation(
    orientation: int, size: tuple[int, int], red: tuple[int, int], blue: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = open_rgb(encoded(halves(), "JPEG", quality=95, exif=exif))
    assert image.size == size
    assert near(image.getpixel(red), (255, 0, 0)) and near(image.getpixel(blue), (0, 0, 255))


def test_a_broken_exif_block_does_not_spoil_the_picture() -> None:
    data = encoded(halves(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40)
    assert open_rgb(data).size == (40, 20)


def test_what_cannot_be_read_is_a_value_error_with_a_constant_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encoded(Image.effect_noise((64, 64), 50), "JPEG")
    monkeypatch.setattr(images, "MAX_PIXELS", 5000)
    huge = encoded(Image.new("L", (80, 80)))
    reasons = {}
    for name, data in {"none": b"", "text": b"hello", "half": whole[: len(whole) // 2], "huge": huge}.items():
        with pytest.raises(ValueError) as error:
            open_rgb(data)
        reasons[name] = str(error.value)
    assert reasons["none"] == "empty file"
    assert reasons["text"] == "not an image file"
    assert "truncated" in reasons["half"]
    assert reasons["huge"] == "80 x 80 px exceeds 5000 pixels"


@given(
    data=st.binary(max_size=200),
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a"]),
)
def test_random_bytes_end_in_a_value_error(data: bytes, start: bytes) -> None:
    with pytest.raises(ValueError):
        open_rgb(start + data)


@given(width=st.integers(1, 70), height=st.integers(1, 70), size=st.integers(1, 40), seed=st.integers(0, 99))
def test_any_shape_is_decoded_to_a_square(width: int, height: int, size: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    square = decode(encode_png(pixels), size)
    assert square.shape == (size, size, 3) and square.dtype == np.uint8
    if width == height == size:
        np.testing.assert_array_equal(square, pixels)
