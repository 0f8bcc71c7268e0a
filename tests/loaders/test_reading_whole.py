"""No pixel is made up: what is cut, stuffed or swollen is excluded, or was whole after all.

What was ever found wrong stands here as a small file made by code (its test's name begins with `found`).
"""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from wholes import png_chunk, ramp, saved, wholes

import scanbook
from scanbook.loaders.decoding import formats, jpegs
from scanbook.loaders.reading import Unreadable, decode

SOURCE = Path(scanbook.__file__).parents[1]
HALVED = ("cut off", "damaged", "not an image", "empty", "nothing but zero bytes", "without pixels")


def grey_jpeg(height=64, width=96, **options):
    return saved(Image.fromarray(ramp(height, width)), "JPEG", **options)


def read_or_reason(data):
    try:
        return decode(data).pixels, ""
    except Unreadable as error:
        return None, str(error)


def packed_zeros(megabytes):
    machine = zlib.compressobj(9)
    return b"".join(machine.compress(bytes(2**20)) for _ in range(megabytes)) + machine.flush()


def in_a_child(data, program):
    """Run `program` with the bytes as `data`; returns what it printed."""
    code = "import sys\nfrom scanbook.loaders.reading import *\ndata = sys.stdin.buffer.read()\n" + program
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=60, env=environment)
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.mark.parametrize("name", wholes())
def test_a_file_cut_anywhere_is_excluded_or_lacks_nothing_of_the_picture(name):
    data = wholes()[name]
    pixels = decode(data).pixels
    random = np.random.default_rng(0)
    lengths = {*range(0, len(data), 97), *range(max(0, len(data) - 40), len(data)), *random.integers(0, len(data), 40)}
    for length in sorted(lengths):
        read, reason = read_or_reason(data[:length])
        assert reason == "" or any(word in reason for word in HALVED), reason
        assert reason or np.array_equal(read, pixels)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("shortest", [None, 16])
def test_found_half_a_jpeg_with_an_end_mark_is_no_picture_with_a_grey_half(mode, shortest):
    """Pillow paints what is missing in middle grey and says nothing."""
    data = saved(Image.fromarray(np.dstack([ramp(64, 96)] * 3)).convert(mode), "JPEG")
    begin = jpegs.look(data).begin
    for length in range(begin, len(data) - 100, 7):
        with pytest.raises(Unreadable, match="data are missing for its last pixels"):
            decode(data[:length] + b"\xff\xd9", shortest=shortest)


def test_found_a_jpeg_whose_room_was_set_aside_and_never_written_is_cut_off():
    """Pillow takes zero bytes for pixels, and without an end mark it is content where it had to warn."""
    data = grey_jpeg()
    with pytest.raises(Unreadable, match="no end mark"):
        decode(data[: len(data) // 2] + bytes(len(data) // 2))


def test_found_a_jpeg_cut_through_a_stuffed_byte():
    data = grey_jpeg(quality=95)
    at = data.index(b"\xff\x00", jpegs.look(data).begin)
    with pytest.raises(Unreadable, match="data are missing"):
        decode(data[: at + 1] + b"\xff\xd9")


def test_found_a_progressive_jpeg_that_lacks_scans_is_cut_off():
    data = grey_jpeg(progressive=True)
    for scan in range(2, data.count(b"\xff\xda") + 1):
        at = -1
        for _ in range(scan):
            at = data.index(b"\xff\xda", at + 1)
        with pytest.raises(Unreadable, match="scans are missing"):
            decode(data[:at] + b"\xff\xd9")


def test_found_a_jpeg_with_a_stretch_too_much_is_damaged():
    """The decoder is done with the picture before the file is; what was put in has moved everything behind it."""
    data = grey_jpeg()
    begin = jpegs.look(data).begin
    middle = (begin + len(data)) // 2
    with pytest.raises(Unreadable, match="data are left over"):
        decode(data[:middle] + data[begin + 40 : begin + 240] + data[middle:])


@pytest.mark.parametrize("level", [126, 127, 128, 129])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [True, False])
def test_a_picture_that_is_middle_grey_itself_is_whole(level, mode, progressive):
    image = Image.new("L", (70, 50), level).convert("RGB").convert(mode)
    assert np.ptp(decode(saved(image, "JPEG", progressive=progressive)).pixels) <= 2


@pytest.mark.parametrize("level", [0, 128, 200])
def test_what_stands_behind_a_jpeg_does_not_matter(level):
    data = saved(Image.fromarray(np.vstack([ramp(64, 96), np.full((16, 96), level, np.uint8)])), "JPEG")
    pixels = decode(data).pixels
    for behind in (bytes(1000), data, b"\xff\xd9" * 50, b"\xff\xda" * 50, saved(Image.new("L", (9, 9)), "PNG"), b"\n"):
        np.testing.assert_array_equal(decode(data + behind).pixels, pixels)


def test_a_jpeg_with_a_jpeg_in_its_header_is_one_picture():
    thumbnail = grey_jpeg(16, 24)
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    data = grey_jpeg()
    stuffed = data[:2] + comment + data[2:]
    np.testing.assert_array_equal(decode(stuffed).pixels, decode(data).pixels)
    with pytest.raises(Unreadable, match="cut off"):
        decode(stuffed[: len(stuffed) // 2])


def test_found_every_bit_of_a_png_counts():
    """Pillow reads pixels past a wrong checksum: a copy with zeros at its end had a black lower half."""
    data = saved(Image.fromarray(ramp()), "PNG")
    for at in range(8, len(data) - 12, 5):
        flipped = data[:at] + bytes((data[at] ^ 4,)) + data[at + 1 :]
        with pytest.raises(Unreadable, match=r"PNG (damaged|cut off)"):
            decode(flipped)
    with pytest.raises(Unreadable, match="PNG"):
        decode(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def test_a_png_without_its_end_mark_is_whole():
    data = saved(Image.fromarray(ramp()), "PNG")
    np.testing.assert_array_equal(decode(data[:-12]).pixels, ramp())


def test_found_a_tiff_with_too_few_strips_is_no_picture_with_a_black_half():
    data = saved(Image.fromarray(ramp(64, 40)), "TIFF", tiffinfo={278: 16})
    page = struct.unpack_from("<I", data, 4)[0]
    entries = [page + 2 + 12 * n for n in range(struct.unpack_from("<H", data, page)[0])]
    short = bytearray(data)
    for at in entries:
        tag, _, count, _ = struct.unpack_from("<HHII", data, at)
        if tag in (273, 279):
            assert count == 4
            struct.pack_into("<I", short, at + 4, 2)
    with pytest.raises(Unreadable, match="do not cover"):
        decode(bytes(short))


SIZES = {
    "PNG": (b"\x00\x00\x00\x08" * 2, struct.pack(">II", 20_000, 20_000)),
    "JPEG": (b"\x00\x08\x00\x08", struct.pack(">HH", 20_000, 20_000)),
    "BMP": (b"\x08\x00\x00\x00" * 2, struct.pack("<ii", 20_000, 20_000)),
    "GIF": (b"\x08\x00\x08\x00", struct.pack("<HH", 20_000, 20_000)),
}


@pytest.mark.parametrize("kind", [*SIZES, "TIFF", "WEBP"])
def test_an_image_of_20000_by_20000_is_refused_by_its_header(kind):
    """In time and memory that no decoding could keep to: two seconds, and 20 MB beside what is imported."""
    if kind == "TIFF":
        data = saved(Image.new("1", (20_000, 20_000)), "TIFF", compression="group4")
    elif kind == "WEBP":  # 16,383 is its largest side
        data = saved(Image.new("L", (8, 8)), "WEBP", lossless=True)
        data = data[:21] + struct.pack("<I", 16_382 | 16_382 << 14) + data[25:]
    else:
        old, new = SIZES[kind]
        data = saved(Image.new("L", (8, 8)), kind)
        assert old in data
        if kind == "PNG":
            data = (
                data[:16]
                + new
                + data[24:29]
                + struct.pack(">I", zlib.crc32(data[12:16] + new + data[24:29]))
                + data[33:]
            )
        else:
            data = data.replace(old, new)
    said = in_a_child(data, """
import time
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) if sys.platform == "linux" else 0
try:
    decode(b"BM")
except Unreadable:
    pass
before, begun = peak(), time.perf_counter()
try:
    decode(data)
except Unreadable as error:
    print((peak() - before) // 1024, time.perf_counter() - begun, error)
""")  # fmt: skip
    megabytes, seconds, reason = said.split(maxsplit=2)
    assert "pixels" in reason
    assert int(megabytes) < 20
    assert float(seconds) < 2


def test_the_largest_image_that_is_read_stays_within_its_memory():
    """80 million pixels, 80 MB of them as uint8; the decoder's own copy and a block or two beside them."""
    data = saved(Image.new("L", (8_940, 8_940), 3), "PNG", compress_level=1)
    said = in_a_child(data, """
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) if sys.platform == "linux" else 0
before = peak()
print(decode(data).pixels.size, (peak() - before) // 1024)
""")  # fmt: skip
    pixels, megabytes = map(int, said.split())
    assert pixels == 8_940**2
    assert megabytes < 250


def test_found_a_jpeg_of_thousands_of_scans_is_refused_before_the_work():
    """300 kB that would keep a decoder busy for minutes: each scan of a few bytes goes over 64 million pixels."""
    data = saved(Image.new("L", (8_000, 8_000)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(Unreadable, match="more work than any picture is"):
        decode(data[:-2] + last * 2_000 + b"\xff\xd9")


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP", b"iTXt"])
def test_a_bomb_in_a_png_text_or_profile_is_refused(name):
    start = {b"zTXt": b"x\0\0", b"iCCP": b"x\0\0", b"iTXt": b"x\0\1\0\0\0"}[name]
    data = saved(Image.fromarray(ramp()), "PNG")
    with pytest.raises(Unreadable, match="too large"):
        decode(data[:33] + png_chunk(name, start + packed_zeros(64)) + data[33:])


def test_a_gif_whose_frame_is_larger_than_its_canvas_is_refused_by_the_frame():
    data = saved(Image.new("L", (8, 8)), "GIF")
    frame = data.index(b",\0\0\0\0")
    with pytest.raises(Unreadable, match="pixels"):
        decode(data[: frame + 5] + struct.pack("<HH", 65_535, 65_535) + data[frame + 9 :])


def test_found_a_tiff_tile_may_not_be_larger_than_any_picture():
    """A tile is decoded whole: 16 × 16 pixels in a tile of 40,000 × 40,000 took 1.5 GB."""
    data = saved(Image.new("L", (16, 16)), "TIFF")
    page = struct.unpack_from("<I", data, 4)[0]
    tags = [
        (256, 16),
        (257, 16),
        (258, 8),
        (259, 5),
        (262, 1),
        (277, 1),
        (322, 40_000),
        (323, 40_000),
        (324, 8),
        (325, 99),
    ]
    data = data[:page] + struct.pack("<H", len(tags))
    data += b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in tags) + bytes(4)
    with pytest.raises(Unreadable, match="tiles of 40000 × 40000"):
        decode(data)


def test_found_two_million_strips_are_refused_before_they_are_listed():
    """8 MB of header became 580 MB of Pillow's lists and twelve seconds."""
    tags = [(256, 1, 60_000), (257, 1, 1), (258, 1, 8), (273, 2_000_000, 8), (278, 1, 1), (279, 2_000_000, 8)]
    page = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, count, n) for tag, count, n in tags)
    with pytest.raises(Unreadable, match="2,000,000 strips"):
        decode(b"II*\0" + struct.pack("<I", 8) + page + bytes(4))


def test_a_side_longer_than_any_picture_is_refused():
    with pytest.raises(Unreadable, match="a side of at most"):
        formats.refuse_bomb(1, 100_000)


def test_found_decoders_say_nothing_on_the_terminal_and_warn_nobody():
    """libtiff writes to the terminal itself; Pillow warns with a path, and logs where somebody listens."""
    files = []
    for name in ("TIFF LZW", "TIFF JPEG", "TIFF fax", "TIFF grey", "PNG palette", "JPEG turned", "DICOM 12 bit"):
        data = wholes().get(name, b"")
        files += [data[:at] + b"\xff\x00" + data[at + 2 :] for at in range(8, len(data), 11)]
    packed = b"".join(struct.pack("<I", len(data)) + data for data in files)
    said = in_a_child(packed, """
import logging, struct
logging.basicConfig(level=logging.WARNING)  # to the terminal, as a notebook may have it
at = excluded = 0
while at < len(data):
    length = struct.unpack_from("<I", data, at)[0]
    try:
        decode(data[at + 4 : at + 4 + length])
    except Unreadable:
        excluded += 1
    at += 4 + length
print(excluded)
""")  # fmt: skip
    assert int(said) > 100


def test_reasons_hold_no_path_and_no_address():
    for data in wholes().values():
        for length in range(0, len(data), 211):
            _, reason = read_or_reason(data[:length])
            assert not any(sign in reason for sign in ("0x", "/", "\n"))
            assert len(reason) < 400


def test_a_decoder_without_memory_is_a_reason_and_not_an_end(monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(Unreadable, match="more memory"):
        decode(saved(Image.fromarray(ramp()), "PNG"))


def test_reading_does_not_need_the_file_on_disk(tmp_path):
    """decode takes bytes: nothing is opened a second time, so nothing can change in between."""
    assert decode(io.BytesIO(wholes()["PNG grey"]).getvalue()).pixels.shape == (48, 40)
