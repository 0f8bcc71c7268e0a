"""One image file of any common format → uint8 pixels, or the reason why not.

Public sets hold files that are cut off, renamed, 16 bits deep, turned by a flag or not images at all. What a
file is, is read from its first bytes and never from its name; what cannot be read is reported in words and
set aside, so that one bad file among thousands neither stops a run nor slips in as a black square.

The rules, the same for every set:

- 8-bit grey stays grey (H, W); colour is RGB (H, W, 3), also where its three channels are equal.
- 1 bit: 0 and 255. Palette, CMYK, YCbCr, Lab, HSV: RGB as Pillow converts them, without colour profiles.
- More than 8 bits of grey, or floating point: the image's own range is stretched over 0 to 255 (the smallest
  value becomes 0, the largest 255), because 10- and 12-bit scans are stored in 16-bit files and would be
  almost black by the type's range. A flat image becomes 0.
- Transparent pixels are laid on black, as nothing was measured there.
- The camera's turning flag (EXIF orientation) is applied. Of several frames or pages, the first one counts.
"""

import io
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 80_000_000  # a chest film has about 10 million; Pillow's own alarm is at 89 million
ALLOWED = "JPEG, PNG, BMP, TIFF, WebP, GIF"
_FIRST_BYTES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)


class Unreadable(ValueError):
    """A file that cannot be used as an image; the text is the reason, without the file's name."""


@dataclass(frozen=True)
class Picture:
    """pixels uint8 (H, W) or (H, W, 3); mode: as stored (L, RGB, P, I;16 …); format: JPEG …"""

    pixels: np.ndarray
    mode: str
    format: str


def read_image(path: Path, *, shortest: int | None = None) -> np.ndarray:
    """Read one file.

    shortest  a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side keeps at least
              this many pixels (much faster for large files); None: full size

    Returns uint8 (H, W) for grey or (H, W, 3) for colour. Raises Unreadable with the reason.
    """
    return decode(read_bytes(path), shortest=shortest).pixels


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises Unreadable where the operating system refuses."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror or type(error).__name__}") from error


def decode(data: bytes, *, shortest: int | None = None) -> Picture:
    """Turn a file's content into pixels; see `read_image`."""
    kind = sniff(data)
    _quiet_pillow()
    # A damaged file can make a decoder raise almost anything (struct, zlib, index and type errors have been
    # seen); whatever it is, it concerns this file alone.
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            mode = image.mode
            _refuse_bomb(*image.size)
            if shortest is not None and kind == "JPEG":
                scale = max(1.0, min(image.size) / shortest)
                image.draft(None, (int(image.width / scale), int(image.height / scale)))
            image.load()
            pixels = to_uint8(ImageOps.exif_transpose(image))
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:
        raise Unreadable(_in_words(kind, error)) from error
    return Picture(pixels, mode, kind)


def sniff(data: bytes) -> str:
    """The format by the first bytes: JPEG, PNG, BMP, TIFF, GIF or WEBP; anything else is Unreadable."""
    if not data:
        raise Unreadable("the file is empty")
    for start, kind in _FIRST_BYTES:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[128:132] == b"DICM":
        raise Unreadable(f"a DICOM file; convert it first (allowed: {ALLOWED})")
    if data.startswith(b"version https://git-lfs"):
        raise Unreadable("a Git LFS pointer, not the image itself; fetch it with git lfs pull")
    if data.lstrip()[:1] == b"<":
        raise Unreadable(f"a web page or XML text, not an image (allowed: {ALLOWED})")
    raise Unreadable(f"not an image by its first bytes {data[:4].hex(' ')} (allowed: {ALLOWED})")


def to_uint8(image: Image.Image) -> np.ndarray:
    """A loaded Pillow image → uint8 (H, W) or (H, W, 3) by the rules above."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return _stretch(np.asarray(image, dtype=np.float64))
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA", "La", "1")
        above = image.convert("RGBA")
        black = Image.new("RGBA", above.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, above).convert("L" if grey else "RGB")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return np.array(image)  # a copy of our own: Pillow's view is read-only


def _stretch(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise Unreadable("holds values that are not numbers")
    low, high = values.min(), values.max()
    if low == high:
        return np.zeros(values.shape, np.uint8)
    return np.rint((values - low) * (255.0 / (high - low))).astype(np.uint8)


@cache
def _quiet_pillow() -> None:
    """Pillow warns about damaged headers by the path of its own source, which would stand in a page; here the
    reason goes into the table."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width} × {height} pixels; at most {MAX_PIXELS:,} are read")
    if min(width, height) < 1:
        raise Unreadable(f"{width} × {height} pixels: nothing to see")


def _in_words(kind: str, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):  # its own text holds a memory address, another one each time
        return f"{kind} damaged (its header makes no sense)"
    said = str(error).strip() or type(error).__name__
    if "truncated" in said.lower() or isinstance(error, EOFError):
        return f"{kind} cut off before its end ({said})"
    return f"{kind} damaged ({said})"
