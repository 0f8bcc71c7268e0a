"""What a file is, is read from its bytes; what cannot be read has a reason."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from scanbook.loaders.decoding import formats
from scanbook.loaders.reading import Unreadable, decode, read_image

# Pillow warns about damaged headers before it gives up; `reading` silences it once, pytest undoes that a test
pytestmark = pytest.mark.filterwarnings("ignore")


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def gradient(height=24, width=40):
    return np.linspace(0, 255, height * width).astype(np.uint8).reshape(height, width)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_grey_comes_back_as_it_was(kind):
    picture = decode(saved(Image.fromarray(gradient()), kind))
    grey = picture.pixels if picture.pixels.ndim == 2 else picture.pixels[..., 0]  # GIF and BMP may store a palette
    np.testing.assert_array_equal(grey, gradient())
    assert picture.format == kind


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_come_back_nearly(kind):
    pixels = decode(saved(Image.fromarray(gradient()), kind, quality=95)).pixels
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    assert np.abs(grey.astype(int) - gradient()).mean() < 3


def test_the_name_does_not_matter_only_the_bytes(tmp_path):
    path = tmp_path / "scan.jpeg"
    path.write_bytes(saved(Image.fromarray(gradient()), "PNG"))
    np.testing.assert_array_equal(read_image(path), gradient())


def test_sixteen_bit_grey_is_stretched_over_its_own_range():
    values = np.array([[1000, 1500], [2000, 3000]], np.uint16)
    picture = decode(saved(Image.fromarray(values), "PNG"))
    assert picture.mode.startswith("I")
    np.testing.assert_array_equal(picture.pixels, [[0, 64], [128, 255]])


def test_a_flat_sixteen_bit_image_is_black():
    assert not decode(saved(Image.fromarray(np.full((3, 3), 700, np.uint16)), "PNG")).pixels.any()


def test_float_pixels_that_are_no_numbers_are_unreadable():
    values = np.array([[0.0, np.nan]], np.float32)
    with pytest.raises(Unreadable, match="not numbers"):
        decode(saved(Image.fromarray(values), "TIFF"))


def test_one_bit_images_are_black_and_white():
    pixels = decode(saved(Image.fromarray(gradient() > 100), "PNG")).pixels
    assert set(np.unique(pixels)) == {0, 255}
    assert pixels.ndim == 2


def test_transparent_pixels_lie_on_black():
    grey_alpha = Image.fromarray(np.array([[[200, 255], [200, 0]]], np.uint8), "LA")
    np.testing.assert_array_equal(decode(saved(grey_alpha, "PNG")).pixels, [[200, 0]])
    colour = Image.fromarray(np.array([[[10, 20, 30, 255], [90, 90, 90, 0]]], np.uint8))
    np.testing.assert_array_equal(decode(saved(colour, "PNG")).pixels, [[[10, 20, 30], [0, 0, 0]]])


def test_palette_and_cmyk_become_rgb():
    colour = Image.fromarray(np.dstack([gradient()] * 3))
    for data in (saved(colour.convert("P"), "PNG"), saved(colour.convert("CMYK"), "JPEG")):
        assert decode(data).pixels.shape == (24, 40, 3)


def test_grey_stored_as_rgb_stays_rgb():
    picture = decode(saved(Image.fromarray(np.dstack([gradient()] * 3)), "PNG"))
    assert picture.mode == "RGB"
    assert picture.pixels.shape == (24, 40, 3)


def test_the_turning_flag_is_applied():
    turned = Image.Exif()
    turned[0x0112] = 6  # to be shown a quarter turn clockwise
    pixels = decode(saved(Image.fromarray(gradient()), "PNG", exif=turned)).pixels
    np.testing.assert_array_equal(pixels, np.rot90(gradient(), -1))


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.fromarray(np.full((8, 8), v, np.uint8)) for v in (50, 200)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.unique(decode(data).pixels).tolist() == [50]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_file_cut_off_is_unreadable_and_never_a_grey_picture(kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    with pytest.raises(Unreadable, match=r"cut off|damaged|not an image"):
        decode(data[: int(len(data) * share)])


def test_the_reason_is_the_same_each_time_and_holds_no_address():
    data = b"II*\x00" + bytes(200)
    reasons = set()
    for _ in range(2):
        with pytest.raises(Unreadable) as caught:
            decode(data)
        reasons.add(str(caught.value))
    assert reasons == {"TIFF damaged (its header makes no sense), or of a kind that Pillow does not read"}


def test_random_bytes_after_a_true_beginning_never_raise_anything_else():
    generator = np.random.default_rng(1)
    for kind in ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"):
        whole = bytearray(saved(Image.fromarray(gradient()), kind))
        for _ in range(40):
            data = bytearray(whole)
            for at in generator.integers(8, len(data), 12):
                data[at] = generator.integers(0, 256)
            with contextlib.suppress(Unreadable):
                assert decode(bytes(data)).pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is a note", "not an image"),
        (b"<html>404</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (bytes(128) + b"DICM" + bytes(20), "DICOM"),
    ],
)
def test_what_is_no_image_says_what_it_is(data, reason):
    with pytest.raises(Unreadable, match=reason):
        decode(data)


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(formats, "MAX_PIXELS", 100)
    with pytest.raises(Unreadable, match="40 × 24"):
        decode(saved(Image.fromarray(gradient()), "PNG"))


def test_pillows_own_alarm_is_a_reason_too():
    huge = saved(Image.new("1", (20_000, 20_000)), "PNG")
    with pytest.raises(Unreadable, match="pixels"):
        decode(huge)


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(Unreadable, match="cannot be opened"):
        read_image(tmp_path / "none.png")


def test_a_large_jpeg_is_decoded_smaller_but_never_too_small():
    data = saved(Image.fromarray(np.zeros((800, 1000), np.uint8)), "JPEG")
    assert decode(data, shortest=128).pixels.shape == (200, 250)
    assert decode(data, shortest=300).pixels.shape == (400, 500)
    assert decode(data, shortest=5000).pixels.shape == (800, 1000)
