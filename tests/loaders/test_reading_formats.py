"""What each format may hold, and the one rule for it: bits, palettes, transparency, turning flags, kinds of numbers."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from wholes import interlaced_png, png_chunk, ramp, run_length_bmp, saved, wholes

from scanbook.loaders.decoding.formats import sniff
from scanbook.loaders.reading import Unreadable, decode, read_image

KINDS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")


def png(width, height, bits, colour, rows, *, before=b""):
    """PNG by hand: `rows` are the packed bytes of each row."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + before + body + png_chunk(b"IEND", b"")


def tiff(values, *, sample_format=1, photometric=1, order="<", **tags):
    """One uncompressed page of grey numbers; `tags` as t273=value override or add."""
    height, width = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    numbers = {256: width, 257: height, 258: 8 * values.itemsize, 259: 1, 262: photometric, 273: 8, 277: 1}
    numbers |= {278: height, 279: len(data), 339: sample_format} | {int(tag[1:]): n for tag, n in tags.items()}
    page = struct.pack(order + "H", len(numbers))
    page += b"".join(struct.pack(order + "HHII", tag, 4, 1, number) for tag, number in sorted(numbers.items()))
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(data)) + data + page + bytes(4)


@pytest.mark.parametrize("name", wholes())
def test_every_kind_of_file_is_read(name):
    picture = decode(wholes()[name])
    assert picture.format == name.split()[0]
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.writeable
    assert picture.pixels.ndim == 2 or picture.pixels.shape[2:] == (3,)
    assert np.ptp(picture.pixels) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_one_pixel_is_an_image(kind):
    assert decode(saved(Image.new("L", (1, 1), 200), kind)).pixels.shape[:2] == (1, 1)


@pytest.mark.parametrize("flag", range(2, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_each_turning_flag_is_applied_once(kind, flag):
    upright = np.kron(np.array([[250, 20, 130], [60, 190, 90]], np.uint8), np.ones((16, 16), np.uint8))
    stored = {2: np.fliplr, 3: lambda a: a[::-1, ::-1], 4: np.flipud, 5: np.transpose, 6: lambda a: np.rot90(a, 1),
              7: lambda a: a[::-1, ::-1].T, 8: lambda a: np.rot90(a, -1)}[flag](upright)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = flag
    options = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG": {"quality": 100}}[kind]
    pixels = decode(saved(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options)).pixels
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).max() <= 1


@pytest.mark.parametrize("flag", [0, 1, 9, 99])
def test_a_turning_flag_that_means_nothing_turns_nothing(flag):
    exif = Image.Exif()
    exif[0x0112] = flag
    np.testing.assert_array_equal(decode(saved(Image.fromarray(ramp()), "PNG", exif=exif)).pixels, ramp())


def test_progressive_and_plain_jpeg_hold_the_same_picture():
    image = Image.fromarray(ramp())
    np.testing.assert_array_equal(decode(saved(image, "JPEG", progressive=True)).pixels,
                                  decode(saved(image, "JPEG")).pixels)  # fmt: skip


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_in_a_jpeg_is_taken_as_inverted_as_browsers_do(adobe):
    orange = Image.new("RGB", (16, 16), (230, 120, 30))
    data = saved(orange.convert("CMYK"), "JPEG", quality=100)
    mark = data.index(b"\xff\xee")
    assert data[mark + 4 : mark + 9] == b"Adobe"
    if not adobe:
        data = data[:mark] + data[mark + 16 :]
    assert np.abs(decode(data).pixels.astype(int) - (230, 120, 30)).max() <= 3


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_are_spread_over_the_whole_range(bits):
    values = np.arange(8) % 2**bits
    packed = np.packbits(((values[:, None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8))
    expected = np.rint(values * (255 / (2**bits - 1)))
    np.testing.assert_array_equal(decode(png(8, 1, bits, 0, [packed.tobytes()])).pixels[0], expected)


def test_of_sixteen_bits_of_colour_the_upper_eight_count():
    values = np.array([[[0x1234, 0xABFF, 0xFF00], [0x00FF, 0x8000, 0x7FFF]]], ">u2")
    np.testing.assert_array_equal(decode(png(2, 1, 16, 2, [values.tobytes()])).pixels, values >> 8)


def test_sixteen_bits_of_grey_with_transparency_are_colour_of_the_upper_eight():
    values = np.array([[[0x1234, 0xFFFF], [0xABFF, 0]]], ">u2")
    np.testing.assert_array_equal(decode(png(2, 1, 16, 4, [values.tobytes()])).pixels, [[[0x12] * 3, [0] * 3]])


def test_an_interlaced_png_is_the_same_picture():
    np.testing.assert_array_equal(decode(interlaced_png(ramp())).pixels, ramp())


def test_a_bmp_in_runs_is_the_same_picture():
    np.testing.assert_array_equal(decode(run_length_bmp(ramp())).pixels, ramp())


def test_a_colour_of_a_palette_that_is_transparent_becomes_black():
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    image.putpalette([10, 20, 30, 200, 100, 50, 7, 8, 9])
    for kind in ("GIF", "PNG"):
        pixels = decode(saved(image, kind, transparency=1)).pixels
        np.testing.assert_array_equal(pixels, [[[10, 20, 30], [0, 0, 0]], [[7, 8, 9], [0, 0, 0]]])


def test_half_transparent_is_half_as_bright():
    half = Image.fromarray(np.array([[[200, 100, 50, 128]]], np.uint8))
    assert np.abs(decode(saved(half, "PNG")).pixels.astype(int) - (100, 50, 25)).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_a_wholly_transparent_image_is_excluded_and_never_a_black_square(kind):
    with pytest.raises(Unreadable, match="wholly transparent"):
        decode(saved(Image.new("RGBA", (8, 8), (200, 100, 50, 0)), kind))


@pytest.mark.parametrize(
    ("values", "about"),
    [
        (np.array([[0, 1000, 2000]], np.uint16), {}),
        (np.array([[0, 1000, 2000]], np.uint16), {"order": ">"}),
        (np.array([[-1000, 0, 1000]], np.int16), {"sample_format": 2}),
        (np.array([[-1000, 0, 1000]], np.int16), {"sample_format": 2, "order": ">"}),
        (np.array([[-(2**31), 0, 2**31 - 1]], np.int32), {"sample_format": 2}),
        (np.array([[-0.5, 0.0, 0.5]], np.float32), {"sample_format": 3}),
    ],
)
def test_numbers_of_every_kind_are_stretched_over_their_own_range(values, about):
    np.testing.assert_array_equal(decode(tiff(values, **about)).pixels, [[0, 128, 255]])


def test_found_unsigned_32_bit_numbers_above_2_to_the_31_are_not_negative():
    """Pillow reads them as signed, so that the brightest pixel became the darkest."""
    np.testing.assert_array_equal(decode(tiff(np.array([[0, 2**31, 2**32 - 1]], np.uint32))).pixels, [[0, 128, 255]])


def test_found_signed_8_bit_numbers_below_zero_are_not_bright():
    values = np.array([[-10, 0, 41]], np.int8)
    np.testing.assert_array_equal(decode(tiff(values, sample_format=2)).pixels, [[0, 50, 255]])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_found_where_white_is_zero_zero_is_white(kind):
    """Pillow turns 8 bits round, and forgets 16 bits and floating point."""
    values = np.array([[0, 255]], kind)
    np.testing.assert_array_equal(decode(tiff(values, photometric=0, sample_format=3 if kind == np.float32 else 1)).pixels,
                                  [[255, 0]])  # fmt: skip


def test_a_kind_of_number_that_is_not_read_says_so():
    with pytest.raises(Unreadable, match="of a kind that Pillow does not read"):
        decode(tiff(np.array([[0.0, 1.0]], np.float64), sample_format=3))


def test_of_several_pages_the_first_counts():
    first, second = Image.fromarray(ramp(seed=1)), Image.fromarray(ramp(seed=2))
    pages = saved(first, "TIFF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode(pages).pixels, ramp(seed=1))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"])
def test_compressed_tiffs_are_the_same_picture(compression):
    data = saved(Image.fromarray(ramp()), "TIFF", compression=compression, tiffinfo={278: 16})
    np.testing.assert_array_equal(decode(data).pixels, ramp())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7 \n", "PDF document"),
        (b"PK\x03\x04" + bytes(40), "ZIP archive"),
        (b"\x1f\x8b\x08" + bytes(40), "gzip"),
        (bytes(4) + b"ftypheic" + bytes(40), "HEIC"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(40), "JPEG 2000"),
        (b"\x93NUMPY\x01\x00", "NumPy"),
        (bytes(5000), "zero bytes"),
        (b"\xef\xbb\xbf  <!doctype html>", "web page"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "DICOM without its first 132 bytes"),
        ("Ein Text".encode("utf-16"), "not an image"),
        (b"BM is how this note begins", "BMP cut off"),
        (b"GIF89a", "GIF damaged"),
    ],
)
def test_what_is_often_found_among_images_is_called_by_its_name(data, reason):
    with pytest.raises(Unreadable, match=reason):
        decode(data)


def test_a_dicom_file_may_begin_like_a_tiff():
    """The 128 bytes before its mark are free, and some files are both."""
    assert sniff(b"II*\x00" + bytes(124) + b"DICM") == "DICOM"


@pytest.mark.parametrize("name", ["SCAN.JPG", "scan.jpg.png", "scan", "scan.txt", "scan.dcm"])
def test_an_extension_says_nothing(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(saved(Image.fromarray(ramp()), "BMP"))
    np.testing.assert_array_equal(read_image(path), ramp())
