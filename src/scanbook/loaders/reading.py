"""One image file of any common format → uint8 pixels, or the reason why not.

Public sets hold files that are cut off, renamed, 16 bits deep, turned by a flag or not images at all. What a
file is, is read from its first bytes and never from its name; what cannot be read is reported in words and
set aside, so that one bad file among thousands neither stops a run nor slips in as a black square.

The rules, the same for every set:

- 8-bit grey stays grey (H, W); colour is RGB (H, W, 3), also where its three channels are equal.
- 1 bit: 0 and 255. 2 and 4 bits of grey: spread over 0 to 255. Palette, CMYK, YCbCr, Lab: RGB as Pillow converts
  them, without colour profiles; CMYK in a JPEG is taken as inverted, as Adobe writes it and browsers read it.
- More than 8 bits of grey, signed or floating point: the image's own range is stretched over 0 to 255 (the smallest
  value becomes 0, the largest 255), because 10- and 12-bit scans are stored in 16-bit files and would be
  almost black by the type's range. A flat image becomes 0. TIFF that counts from white to black is turned round.
- 16 bits of colour: the upper eight. 16-bit grey with transparency counts as colour.
- Transparent pixels are laid on black, as nothing was measured there. Wholly transparent: excluded.
- The camera's turning flag (EXIF or XMP orientation 2 to 8) is applied. Of several frames or pages, the first counts.
- DICOM: window, rescaling and colour as its header says; see `dicom`.
- Cut off: excluded, unless what is missing lies behind the last pixel. No pixel is ever made up; a JPEG must end
  with its end mark and hold as many data as its picture needs, each chunk of a PNG must have its checksum right.
- More than MAX_PIXELS, or MAX_BYTES of file: excluded by the header, before anything is decoded.
- A link is followed, also out of the set's folder. A pipe, a socket or a device is never opened.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from scanbook.loaders.decoding import formats, jpegs
from scanbook.loaders.decoding.formats import Unreadable, sniff
from scanbook.loaders.decoding.opening import read_bytes
from scanbook.loaders.decoding.pixels import to_uint8
from scanbook.loaders.decoding.quiet import quiet

__all__ = ("Picture", "Unreadable", "decode", "read_bytes", "read_image", "sniff", "to_uint8")

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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


def decode(data: bytes, *, shortest: int | None = None) -> Picture:
    """Turn a file's content into pixels; see `read_image`."""
    kind = sniff(data)
    quiet()
    # A damaged file can make a decoder raise almost anything (struct, zlib, index and type errors have been
    # seen); whatever it is, it concerns this file alone.
    try:
        if kind == "DICOM":
            from scanbook.loaders.decoding import dicom  # pydicom is asked for only where there is something for it

            return Picture(*dicom.decode(data), kind)
        if kind == "JPEG":
            image = jpegs.load(data, shortest)
            return Picture(to_uint8(_upright(image)), image.mode, kind)
        if kind == "PNG":
            formats.check_png(data)
        if kind == "TIFF":
            formats.check_tiff(data)
        with Image.open(io.BytesIO(data), formats=[kind]) as file:
            mode = file.mode
            formats.refuse_bomb(*file.size)
            _refuse_gaps(file)
            file.load()
            return Picture(to_uint8(_upright(file)), mode, kind)
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"more than {formats.MAX_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise Unreadable(f"{kind} that asks for more memory than there is") from error
    except Exception as error:
        raise Unreadable(_in_words(kind, error)) from error


def _upright(image: Image.Image) -> Image.Image:
    """The image as its turning flag wants it; the image itself where there is none."""
    turn = _TURNS.get(image.getexif().get(0x0112, 1))
    return image if turn is None else image.transpose(turn)


def _refuse_gaps(image: ImageFile.ImageFile) -> None:
    """A TIFF whose header lists too few strips would be black where they are missing."""
    if image.format != "TIFF" or not image.tile:
        return
    boxes = [tile.extents or (0, 0, *image.size) for tile in image.tile]
    if sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) < image.width * image.height:
        raise Unreadable("TIFF damaged (its strips or tiles do not cover the picture)")


def _in_words(kind: str, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):  # its own text holds a memory address, another one each time
        return f"{kind} damaged (its header makes no sense)" + (
            ", or of a kind that Pillow does not read" if kind == "TIFF" else ""
        )
    said = " ".join(str(error).rsplit("plugins:", 1)[-1].split()) or type(error).__name__
    if "truncated" in said.lower() or isinstance(error, EOFError):
        return f"{kind} cut off before its end ({said})"
    return f"{kind} damaged ({said})"
