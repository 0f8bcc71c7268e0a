"""What a file is, by its first bytes, and what is refused before a pixel of it is decoded.

An allow-list: what is not on it never reaches a decoder. What a small file can blow up to is read from its header,
because a decoder that has begun has already taken the memory. Where a format carries checksums they are looked at
here, since Pillow leaves those of PNG pixels out.
"""

import struct
import zlib

ALLOWED = "JPEG, PNG, BMP, TIFF, WebP, GIF, DICOM"
MAX_PIXELS = 80_000_000  # a chest film has about 10 million; Pillow's own alarm is at 89 million
MAX_SIDE = 65_535  # what a JPEG can have; a TIFF of two million rows of one pixel takes its decoder 12 s
MAX_BYTES = 512 * 2**20  # above an uncompressed image of MAX_PIXELS in colour; a file is read into memory whole
MAX_PIECES = 400_000  # strips or tiles of a TIFF: 80 million pixels in tiles of 16 × 16 are 312,500
MAX_TILE = 2**24  # pixels; a tile is decoded whole, even where the picture is smaller
_FIRST_BYTES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),  # BigTIFF
    (b"MM\x00+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
# What is often found among images, and what to do about it
_OTHERS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the image itself; fetch it with git lfs pull"),
    (b"%PDF", "a PDF document; save its pictures as PNG first"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"\x1f\x8b", "compressed by gzip (a NIfTI volume?); save its slices as PNG first"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 file; save it as PNG first"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 file; save it as PNG first"),
    (b"\x93NUMPY", "a NumPy array; save its images as PNG first"),
)


class Unreadable(ValueError):
    """A file that cannot be used as an image; the text is the reason, without the file's name."""


def sniff(data: bytes) -> str:
    """The format by the first bytes: JPEG, PNG, BMP, TIFF, GIF, WEBP or DICOM; anything else is Unreadable."""
    if not data:
        raise Unreadable("the file is empty")
    if data[128:132] == b"DICM":  # first, because the 128 bytes before it are free and may hold the start of a TIFF
        return "DICOM"
    for start, kind in _FIRST_BYTES:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for start, what in _OTHERS:
        if data.startswith(start):
            raise Unreadable(f"{what} (allowed: {ALLOWED})")
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        raise Unreadable(f"a HEIC or AVIF file; save it as PNG first (allowed: {ALLOWED})")
    if data[:2] == b"\x08\x00" and data[2:4] in (b"\x00\x00", b"\x01\x00", b"\x05\x00", b"\x08\x00"):
        raise Unreadable(
            "looks like DICOM without its first 132 bytes (preamble and DICM); write it again as a DICOM file"
        )
    if data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        raise Unreadable(f"a web page or XML text, not an image (allowed: {ALLOWED})")
    if not data.strip(b"\x00"):
        raise Unreadable("nothing but zero bytes, as a failed copy leaves")
    raise Unreadable(f"not an image by its first bytes {data[:4].hex(' ')} (allowed: {ALLOWED})")


def refuse_bomb(width: int, height: int) -> None:
    """Raise Unreadable where an image of this size is not read."""
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width} × {height} pixels; at most {MAX_PIXELS:,} are read")
    if max(width, height) > MAX_SIDE:
        raise Unreadable(f"{width} × {height} pixels; a side of at most {MAX_SIDE:,} is read")
    if min(width, height) < 1:
        raise Unreadable(f"{width} × {height} pixels: nothing to see")


def check_png(data: bytes) -> None:
    """Compare the checksum of every chunk up to the last pixel. Raises Unreadable for the first that differs.

    A file that ends after its last pixel is let through, with or without its end mark.
    """
    view, at, pixels = memoryview(data), 8, False
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if name == b"IEND" or (pixels and name != b"IDAT"):
            return
        if end > len(data):
            raise Unreadable("PNG cut off before its end (inside a chunk)")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise Unreadable(f"PNG damaged (the checksum of its chunk {name.decode('ascii', 'replace')!r} is wrong)")
        pixels = pixels or name == b"IDAT"
        at = end


def check_tiff(data: bytes) -> None:
    """Read sizes and counts of the first page. Raises Unreadable for those that no picture has, which Pillow would
    take the memory for before it looks.
    """
    order, big = "<" if data[:2] == b"II" else ">", 43 in data[2:4]
    number = {1: "B", 3: "H", 4: "I", 16: "Q"}
    value_of: dict[int, int] = {}
    try:
        at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
        entries = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
        at += 8 if big else 2
        for _ in range(min(entries, 1000)):
            tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
            if tag in (273, 279, 324, 325) and count > MAX_PIECES:
                raise Unreadable(f"TIFF of {count:,} strips or tiles; at most {MAX_PIECES:,} are read")
            if tag in (256, 257, 322, 323) and kind in number:
                value_of[tag] = struct.unpack_from(order + number[kind], data, at + (12 if big else 8))[0]
            at += 20 if big else 12
    except struct.error:  # a header cut off is for Pillow to report
        pass
    if {256, 257} <= value_of.keys():
        refuse_bomb(value_of[256], value_of[257])
    if value_of.get(322, 1) * value_of.get(323, 1) > MAX_TILE:
        raise Unreadable(f"TIFF in tiles of {value_of[322]} × {value_of[323]} pixels; at most {MAX_TILE:,} are read")
