"""Whatever a decoder hands over → uint8 (H, W) or (H, W, 3), by the rules that open `reading`.

Nothing here holds more than the image and its result: a large scan is worked through in blocks, and up to 16 bits
through a table of all values.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from scanbook.loaders.decoding.formats import Unreadable

_BLOCK = 2**20  # values worked on at once as float64, 8 MB
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF tags


def to_uint8(image: Image.Image) -> np.ndarray:
    """A loaded Pillow image → uint8 (H, W) or (H, W, 3) by the rules, an array of its own. Raises Unreadable where
    there is nothing to see.
    """
    tags = getattr(image, "tag_v2", {})  # of a TIFF: Pillow takes some kinds of numbers for others
    deep = image.mode in ("I", "F") or image.mode.startswith("I;")
    if deep or (image.mode == "L" and tags.get(_SAMPLE_FORMAT) == (2,)):
        values = np.asarray(image)
        if not deep:
            values = values.view(np.int8)
        elif image.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,)) == (1,) and tags.get(_BITS) == (32,):
            values = values.view(np.uint32)
        pixels = stretch(values)
        return np.subtract(255, pixels, out=pixels) if deep and tags.get(_PHOTOMETRIC) == 0 else pixels
    grey = image.mode in ("1", "L", "LA", "La")
    pixels = np.empty((image.height, image.width) if grey else (image.height, image.width, 3), np.uint8)
    visible = not image.has_transparency_data
    step = max(1, 4 * _BLOCK // image.width)
    for top in range(0, image.height, step):
        rows = image.crop((0, top, image.width, min(top + step, image.height))) if step < image.height else image
        if image.has_transparency_data:
            rows = rows.convert("LA" if image.mode == "La" else "RGBA").convert("RGBA")
            visible = visible or rows.getchannel("A").getextrema() != (0, 0)
            rows = Image.alpha_composite(Image.new("RGBA", rows.size, (0, 0, 0, 255)), rows)
        wanted = "L" if grey else "RGB"
        pixels[top : top + step] = np.asarray(rows if rows.mode == wanted else rows.convert(wanted))
    if not visible:
        raise Unreadable("wholly transparent: nothing to see")
    return pixels


def stretch(values: np.ndarray, within: np.ndarray | None = None) -> np.ndarray:
    """The smallest value becomes 0, the largest 255; a flat image becomes 0.

    values  numbers (H, W)
    within  bool (H, W): only these count for the range, the others are cut to it; None: all

    Raises Unreadable where a value is no number.
    """
    if values.dtype.kind == "f" and not all(np.isfinite(rows).all() for rows in _blocks(values)):
        raise Unreadable("holds values that are not numbers")
    seen = values if within is None or not within.any() else values[within]
    low, high = float(seen.min()), float(seen.max())
    if low == high:
        return np.zeros(values.shape, np.uint8)
    return pointwise(values, lambda v: (v - low) * (255.0 / (high - low)))


def pointwise(values: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Each value through `function` (float64 → float64, the same shape), rounded and cut to 0 … 255: uint8."""
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    if values.dtype.kind in "iu" and values.dtype.itemsize == 2 and values.size > 2**16:
        every = np.arange(2**16, dtype=np.uint16)
        return _rounded(function(every.view(values.dtype).astype(np.float64)))[values.view(np.uint16)]
    pixels = np.empty(values.shape, np.uint8)
    for rows, done in zip(_blocks(values), _blocks(pixels), strict=True):
        done[...] = _rounded(function(rows.astype(np.float64)))
    return pixels


def _blocks(values: np.ndarray) -> list[np.ndarray]:
    """Views on a few rows each."""
    step = max(1, _BLOCK // max(1, values[0].size))
    return [values[top : top + step] for top in range(0, len(values), step)]


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
