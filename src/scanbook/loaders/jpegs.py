"""Is a JPEG whole? Its format has no checksum, and a decoder paints grey where data are missing.

Three things can be known without decoding twice: that the end mark is there, that a progressive file holds every
scan that its picture is made of, and whether the pixel data end where the picture ends. What is missing shows in
the last pixel, which a decoder leaves at middle grey; what is left over shows in that the decoder is done before
it has asked for the last bytes. Damage in the middle that fits by chance is not found, by anyone.
"""

import io
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scanbook.loaders.formats import MAX_PIXELS, Unreadable, refuse_bomb

MAX_WORK = 20 * MAX_PIXELS  # pixels × scans: a file of a few kB can ask for thousands of scans, each over all pixels
LEFT_OVER = 16  # bytes; the decoder holds up to 8 of them in its own register, and some cameras pad
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")  # all but stuffing, fill, TEM and restart marks
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JUNK = bytes(range(1, 255)) * 16  # pixel data that mean something, and hold no marker


@dataclass(frozen=True)
class Layout:
    """Where the last scan's data begin and end (the end mark's offset); plain: one pass, Huffman coded."""

    begin: int
    end: int
    plain: bool


class Stream(io.BytesIO):
    """The file, in which no read goes past `brink`; `asked` says whether anything beyond it was wanted."""

    def __init__(self, data: bytes, layout: Layout) -> None:
        super().__init__(data)
        self.brink = max(layout.begin, layout.end - LEFT_OVER)
        self.asked = False

    def read(self, size: int | None = -1, /) -> bytes:
        at = self.tell()
        if at >= self.brink:
            self.asked = True
        elif size is None or size < 0 or at + size > self.brink:
            size = self.brink - at
        return super().read(size)


def look(data: bytes) -> Layout:
    """Walk the markers of a JPEG to its end mark. Raises Unreadable for a file that is cut off, too large, too
    much work, or that lacks a scan.
    """
    at, scans, progressive, arithmetic, pixels = 2, 0, False, False, 0
    bits_left: dict[int, list[int]] = {}  # component -> for each of its 64 frequencies, bits not sent yet
    begin = 0
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            raise Unreadable("JPEG cut off before its end (no end mark)")
        code, at = data[found.start() + 1], found.end()
        if code == 0xD9:
            break
        length = int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : at + length]
        if length < 2 or len(body) < length - 2:
            raise Unreadable("JPEG cut off before its end (inside its header)")
        at += length
        if code in _FRAMES and not bits_left and len(body) >= 6:
            progressive, arithmetic = code & 3 == 2, code > 0xC8
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            refuse_bomb(width, height)
            if body[0] != 8:
                raise Unreadable(f"JPEG of {body[0]} bits a sample, which is not read; save it as 16-bit PNG first")
            pixels = width * height
            bits_left = {component: [99] * 64 for component in body[6 : 6 + 3 * body[5] : 3]}
        elif code == 0xDA and len(body) >= 4:
            scans, begin = scans + 1, at
            if scans * pixels > MAX_WORK:
                raise Unreadable(
                    f"JPEG of more than {scans - 1} scans of {pixels:,} pixels: more work than any picture is"
                )
            first, last, bits = body[-3:] if progressive else (0, 63, 0)
            for component in body[1 : 1 + 2 * body[0] : 2]:
                if component in bits_left:
                    bits_left[component][first : last + 1] = [bits & 15] * (min(last, 63) + 1 - first)
    if any(any(left) for left in bits_left.values()):
        raise Unreadable("JPEG cut off before its end (scans are missing)")
    return Layout(begin, found.start(), plain=not progressive and not arithmetic)


def refuse_misfit(image: Image.Image, stream: Stream, data: bytes, layout: Layout) -> None:
    """Raise Unreadable where the pixel data of a decoded JPEG are too many or too few for its picture.

    image    decoded from `stream`, not yet turned, at full size or reduced by `draft`
    """
    if not layout.plain:
        return
    if not stream.asked:
        raise Unreadable("JPEG damaged (data are left over after its last pixel)")
    corner = np.asarray(image.getpixel((image.width - 1, image.height - 1)))
    channels = corner.ravel()[:3].astype(float)
    luma = channels @ (0.299, 0.587, 0.114) if len(channels) == 3 else channels[0]
    if abs(luma - 127.5) > 3.5:
        return
    # Middle grey may be the picture's own. With more data behind, a picture that has all its own stays as it is.
    longer = io.BytesIO(data[: layout.end] + _JUNK + data[layout.end :])
    with Image.open(longer, formats=["JPEG"]) as other:
        if other.size != image.size:
            other.draft(None, image.size)
        other.load()
        for top in range(0, image.height, 256):
            box = (0, top, image.width, min(top + 256, image.height))
            if image.crop(box).tobytes() != other.crop(box).tobytes():
                raise Unreadable("JPEG cut off before its end (data are missing for its last pixels)")
