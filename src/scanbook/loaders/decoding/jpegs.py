"""Is a JPEG whole? Its format has no checksum, and a decoder paints grey where data are missing.

Three things can be known without decoding twice: that the end mark is there, that a progressive file holds every
scan that its picture is made of, and whether the pixel data end where the picture ends. What is missing shows in
the last pixel, which a decoder leaves at middle grey; what is left over shows in that the decoder is done before
it has asked for the last bytes. Damage in the middle that fits by chance is not found, by anyone; nor is a
progressive file that lacks a part of its very last scan, the finest detail.
"""

import io
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scanbook.loaders.decoding.formats import MAX_PIXELS, Unreadable, refuse_bomb

MAX_WORK = 20 * MAX_PIXELS  # pixels × scans: a file of a few kB can ask for thousands of scans, each over all pixels
LEFT_OVER = 16  # bytes; the decoder holds up to 8 of them in its own register, and some cameras pad
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")  # all but stuffing, fill, TEM and restart marks
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JUNK = bytes(range(1, 255)) * 16  # pixel data that mean something, and hold no marker


@dataclass(frozen=True)
class Layout:
    """Where the last scan's data begin and end.

    end    the end mark, or fill bytes before it
    plain  one pass, Huffman coded
    sure   every marker was looked at; otherwise the last end mark in the file is taken for this picture's
    """

    begin: int
    end: int
    plain: bool
    sure: bool


def load(data: bytes, shortest: int | None = None) -> Image.Image:
    """The decoded image, not yet turned; `shortest` as in `reading.read_image`.

    Raises Unreadable where the file is not whole; a damaged one may make Pillow raise anything else.
    """
    layout = look(data)
    image, asked = _decode(data, layout, shortest)
    doubtful = layout.plain and (not asked or _is_grey(image.getpixel((image.width - 1, image.height - 1))))
    if doubtful and not layout.sure:  # a second picture or a thumbnail may stand behind the first
        layout = look(data, sure=True)
        image, asked = _decode(data, layout, shortest)
    if doubtful and not asked:
        raise Unreadable("JPEG damaged (data are left over after its last pixel)")
    if doubtful:
        # Middle grey may be the picture's own. With more data behind, a picture that has all its own stays as it is.
        longer = data[: layout.end] + _JUNK + data[layout.end :]
        if not _alike(image, _decode(longer, Layout(0, len(longer), plain=False, sure=True), shortest)[0]):
            raise Unreadable("JPEG cut off before its end (data are missing for its last pixels)")
    return image


def look(data: bytes, sure: bool = False) -> Layout:
    """Walk the markers of a JPEG: to the only scan of a plain one, or (sure) to the end mark of any.

    Raises Unreadable for a file that is cut off, too large, too much work, or that lacks a scan.
    """
    at, begin, scans, pixels, size = 2, 0, 0, 0, len(data)
    progressive = arithmetic = restarts = False
    lacking: set[int] = set()  # components no scan has shown
    bits_left: dict[int, list[int]] = {}  # progressive: component -> for each of 64 frequencies, bits not sent yet
    while True:
        found = _MARKER.match(data, at) or _MARKER.search(data, at)
        if found is None:
            raise Unreadable("JPEG cut off before its end (no end mark)")
        mark = found.start()
        code, at = data[mark + 1], mark + 2
        if code == 0xD9:
            break
        begin = at + (data[at] << 8 | data[at + 1] if at + 2 <= size else 0)
        if not at + 2 <= begin <= size:
            raise Unreadable("JPEG cut off before its end (inside its header)")
        if code == 0xDD:
            restarts = True
        elif code in _FRAMES and not pixels:
            body = data[at + 2 : begin].ljust(6, b"\0")
            progressive, arithmetic = code & 3 == 2, code > 0xC8
            if body[0] != 8:
                raise Unreadable(f"JPEG of {body[0]} bits a sample, which is not read; save it as 16-bit PNG first")
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            refuse_bomb(width, height)
            pixels = width * height
            lacking = {*body[6 : 6 + 3 * body[5] : 3]}
            bits_left = {component: [99] * 64 for component in lacking} if progressive else {}
        elif code == 0xDA and begin - at >= 6:
            body = data[at + 2 : begin]
            scans += 1
            if scans * pixels > MAX_WORK:
                raise Unreadable(f"JPEG of {scans} scans of {pixels:,} pixels or more: more work than any picture is")
            shown = body[1 : 1 + 2 * body[0] : 2]
            lacking -= {*shown}
            for component in bits_left.keys() & {*shown}:
                first, last, bits = body[-3], min(body[-2], 63), body[-1] & 15
                bits_left[component][first : last + 1] = [bits] * (last + 1 - first)
            if not (sure or progressive or arithmetic or restarts or lacking):
                end = data.rfind(b"\xff\xd9")
                if end < begin:
                    raise Unreadable("JPEG cut off before its end (no end mark)")
                return Layout(begin, _before_fill(data, end), plain=True, sure=False)
        at = begin
    if lacking or any(any(left) for left in bits_left.values()):
        raise Unreadable("JPEG cut off before its end (scans are missing)")
    return Layout(begin, _before_fill(data, mark), plain=not progressive and not arithmetic, sure=True)


def _before_fill(data: bytes, mark: int) -> int:
    """Any number of FF may stand before a mark; or the half of a stuffed FF 00 that was cut through."""
    while data[mark - 1] == 0xFF:
        mark -= 1
    return mark


class _Held(io.BytesIO):
    """A file in which, once it is held, no read goes past `brink`; `asked` says whether more was wanted."""

    def hold(self, brink: int) -> None:
        self.brink, self.asked = brink, False
        self.read = self.read_held  # type: ignore[assignment]

    def read_held(self, size: int | None = -1) -> bytes:
        at = self.tell()
        if at >= self.brink:
            self.asked = True
        elif size is None or size < 0 or at + size > self.brink:
            size = self.brink - at
        return super().read(size)


def _decode(data: bytes, layout: Layout, shortest: int | None) -> tuple[Image.Image, bool]:
    """The image, and whether its decoder asked for the last bytes before the end mark."""
    stream = _Held(data)
    with Image.open(stream, formats=["JPEG"]) as image:
        if shortest is not None:
            scale = max(1.0, min(image.size) / shortest)
            image.draft(None, (int(image.width / scale), int(image.height / scale)))
        stream.hold(max(layout.begin, layout.end - LEFT_OVER))
        image.load()
        return image, stream.asked


def _is_grey(corner: float | tuple[int, ...] | None) -> bool:
    """Whether a pixel may be one for which there were no data: luma 127 or 128, and a little for smoothed colour."""
    if not isinstance(corner, tuple):
        return corner in (127, 128)
    red, green, blue = corner[:3]
    return abs(0.299 * red + 0.587 * green + 0.114 * blue - 127.5) <= 3.5


def _alike(one: Image.Image, other: Image.Image) -> bool:
    for top in range(0, one.height, 256):
        box = (0, top, one.width, min(top + 256, one.height))
        if not np.array_equal(np.asarray(one.crop(box)), np.asarray(other.crop(box))):
            return False
    return True
