"""One image → the square every network is shown: colour, geometry, equalisation, as a pure function.

The order is colour, resizing, equalisation, border. Equalisation follows resizing so that its settings mean
the same for a 400-pixel and a 2,000-pixel film, and comes before the border so that black padding does not
enter the histogram.

Resizing is Pillow's bilinear filter, which widens with the reduction and so averages over all source pixels
(no aliasing). Lanczos is a little sharper but overshoots beside bright edges (bone, catheters, burnt-in
text): a dark rim that is not in the picture, and exactly the kind of thing a network learns.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from scanbook.loaders.reading import decode, read_bytes

FITS = ("pad", "squeeze", "crop")
COLOURS = ("grey", "rgb")
EQUALISATIONS = ("none", "histogram", "clahe")
CLAHE_TILES = 8  # tiles along each side, as Zuiderveld 1994 suggests; a tile has at least 8 × 8 pixels
CLAHE_CLIP = 0.01  # share of a tile's pixels that one of 256 grey levels may hold before it is clipped


def prepare(
    image: np.ndarray, *, size: int, fit: str, colour: str, equalise: str, resize: int | None = None
) -> np.ndarray:
    """Make one image square.

    image     uint8 (H, W), (H, W, 1) or (H, W, 3)
    size      side of the result in pixels
    fit       pad: the longer side becomes `size`, the rest is black, centred; squeeze: both sides become
              `size`, the aspect is lost; crop: the shorter side becomes `size` and the middle is kept
    resize    with fit crop only: the shorter side becomes this, at least `size`, before the middle `size` is
              cut out, so that a margin is lost all around; None: as `size`
    colour    grey (ITU-R BT.601 luma: 0.299 R + 0.587 G + 0.114 B) or rgb (grey is repeated)
    equalise  none; histogram (grey levels spread evenly over 0 to 255); clahe (the same in tiles, CLAHE_TILES
              and CLAHE_CLIP). Of an RGB image the luma is equalised and the colour differences stay

    Returns uint8 (size, size, 1) or (size, size, 3). A flat image is left as it is by every equalisation.
    Raises ValueError for any other shape, type or word.
    """
    _check(image, size, fit, colour, equalise, resize)
    picture = Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image)
    picture = picture.convert("L" if colour == "grey" else "RGB")
    width, height = _resized(picture.width, picture.height, resize or size, fit)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    if fit == "crop":
        left, top = (width - size) // 2, (height - size) // 2
        picture = picture.crop((left, top, left + size, top + size))
    picture = _equalised(picture, equalise)
    square = Image.new(picture.mode, (size, size))
    square.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return np.array(square).reshape(size, size, -1)


def prepare_file(
    path: Path, *, size: int, fit: str, colour: str, equalise: str, resize: int | None = None
) -> np.ndarray:
    """`prepare` for a file: what the cache holds and what a new image to predict goes through, so that both
    agree.

    Raises Unreadable (a ValueError) with the reason when the file is no usable image.
    """
    return prepare_bytes(read_bytes(path), size=size, fit=fit, colour=colour, equalise=equalise, resize=resize)


def prepare_bytes(
    data: bytes, *, size: int, fit: str, colour: str, equalise: str, resize: int | None = None
) -> np.ndarray:
    """`prepare` for the content of a file.

    A JPEG is decoded no larger than needed: its shorter side keeps at least twice what it is resized to, so that
    the filter above still does the last halving.
    """
    pixels = decode(data, shortest=2 * (resize or size)).pixels
    return prepare(pixels, size=size, fit=fit, colour=colour, equalise=equalise, resize=resize)


def _resized(width: int, height: int, size: int, fit: str) -> tuple[int, int]:
    if fit == "squeeze":
        return size, size
    scale = size / (max if fit == "pad" else min)(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _equalised(picture: Image.Image, equalise: str) -> Image.Image:
    if equalise == "none":
        return picture
    if picture.mode == "RGB":
        luma, blue, red = picture.convert("YCbCr").split()
        return Image.merge("YCbCr", (_equalised(luma, equalise), blue, red)).convert("RGB")
    grey = np.asarray(picture)
    if grey.min() == grey.max():
        return picture
    return Image.fromarray(_spread(grey) if equalise == "histogram" else _clahe(grey))


def _spread(grey: np.ndarray) -> np.ndarray:
    """Histogram equalisation by a table of 256 entries: the darkest level becomes 0, the brightest 255."""
    counts = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    lowest = counts[counts > 0][0]
    table = (counts - lowest) * (255.0 / (grey.size - lowest))
    return np.rint(np.clip(table, 0, 255)).astype(np.uint8)[grey]


def _clahe(grey: np.ndarray) -> np.ndarray:
    from skimage.exposure import equalize_adapthist  # half a second of import that most sets never need

    tile = tuple(max(8, side // CLAHE_TILES) for side in grey.shape)
    levels = equalize_adapthist(grey, kernel_size=tile, clip_limit=CLAHE_CLIP, nbins=256)
    return np.rint(levels * 255).astype(np.uint8)


def _check(image: np.ndarray, size: int, fit: str, colour: str, equalise: str, resize: int | None) -> None:
    for name, value, known in (
        ("fit", fit, FITS),
        ("colour", colour, COLOURS),
        ("equalise", equalise, EQUALISATIONS),
    ):
        if value not in known:
            raise ValueError(f"image.{name}: {value!r} is unknown; allowed: {', '.join(known)}")
    if size < 1:
        raise ValueError(f"image.size: {size} pixels; at least 1 is needed")
    if resize is not None and (fit != "crop" or resize < size):
        raise ValueError(
            f"image.resize: {resize} pixels with fit {fit!r} and size {size}; only fit crop takes it, and it is at "
            f"least the size: leave it out, or crop less"
        )
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise ValueError(f"an image is uint8 (H, W), (H, W, 1) or (H, W, 3), not {image.dtype} {image.shape}")
    if 0 in image.shape:
        raise ValueError(f"an image without pixels: shape {image.shape}")
