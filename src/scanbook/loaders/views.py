"""Two small grey views of an image, by which pictures are compared: the whole, and the part inside its border.

A copy may be smaller, squeezed, recompressed, brighter, framed in black or white, turned or mirrored, and be the same
picture all the same. At 48 × 48 pixels most of that is gone; the frame goes with the second view; the eight turns are
tried one by one. What is compared is fine structure: all chests and all fans of ultrasound look alike when one
squints, and their ribs and speckle do not.
"""

import functools

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

SIDE = 48
WHOLE, INSIDE = 0, 1  # the two views
TURNS = (
    *("as it is", "turned by 90°", "turned by 180°", "turned by 270°"),
    *("mirrored", "mirrored, turned by 90°", "mirrored, turned by 180°", "mirrored, turned by 270°"),
)
_LOOKED_AT = 256  # px of the longer side, on which the border is looked for
_EVEN = 12  # grey values that a border may differ from its own middle
_LINE = 0.99  # of a line must do so
_COARSE = 2.0  # px of a view: structure coarser than this does not count as detail
_EMPTY = 0.02  # of a view's range of grey values: what its neighbours differ by less shows nothing
_LEAST = 0.02  # of a view's area: with less in common two pictures cannot be compared


def views_of(pixels: np.ndarray) -> np.ndarray:
    """The two views of one image.

    pixels  uint8 (H, W) or (H, W, 3)

    Returns uint8 (2, SIDE, SIDE): the whole image, and what lies inside its even border (the whole where it has none),
    each squeezed to a square.
    """
    image = Image.fromarray(pixels).convert("L")
    scale = max(image.size) / _LOOKED_AT
    if scale > 1:
        small = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
        image = image.resize(small, Image.Resampling.BILINEAR)
    grey = np.asarray(image)
    inside = _without_border(grey)
    views = np.empty((2, SIDE, SIDE), np.uint8)
    views[:] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    if inside.shape != grey.shape:
        views[INSIDE] = np.asarray(Image.fromarray(inside).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return views


def turned(views: np.ndarray, turn: int) -> np.ndarray:
    """The views in one of the eight positions of TURNS, counter-clockwise: (…, SIDE, SIDE) in and out."""
    mirrored, quarters = divmod(turn, 4)
    return np.rot90(views[..., ::-1] if mirrored else views, quarters, axes=(-2, -1))


def detail(views: np.ndarray) -> np.ndarray:
    """Fine structure: float32 (N, SIDE²) of length 1 (0 for a flat view), so that a product is a correlation.

    views  uint8 (N, SIDE, SIDE)
    """
    fine = views.astype(np.float32)
    fine -= gaussian_filter(fine, (0, _COARSE, _COARSE))
    fine = fine.reshape(len(fine), -1)
    fine -= fine.mean(1, keepdims=True)
    return fine / np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-6)


@functools.cache
def kept_by_detail() -> np.ndarray:
    """float32 (SIDE, SIDE): the share of each frequency of a view's cosine transform that its `detail` keeps."""
    middle = np.zeros(2 * SIDE)
    middle[SIDE] = 1.0
    blur = gaussian_filter(middle, _COARSE)  # whose mirrored edges are those of the transform
    wave = np.cos(np.pi * np.outer(np.arange(SIDE), np.arange(-SIDE, SIDE)) / SIDE) @ blur
    kept = 1 - np.outer(wave, wave)
    kept[0, 0] = 0.0
    return kept.astype(np.float32)


def inner_likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Correlation of fine structure, pair by pair, only where both views show something: float32 (N,).

    one, other  uint8 (N, SIDE, SIDE)

    The edge of a fan, or of a frame, is the same in every picture of one machine, and stronger than what lies inside:
    `detail` alone would take two patients for one. Here empty areas are left out, with three pixels around them. 0 where
    next to nothing is left to compare.
    """
    both = (_shown(one) & _shown(other)).astype(np.float32)
    area = both.sum((1, 2))
    share = np.maximum(gaussian_filter(both, (0, _COARSE, _COARSE)), 1e-3)
    fine = []
    for views in (one, other):
        grey = views * both
        grey -= gaussian_filter(grey, (0, _COARSE, _COARSE)) / share * both
        grey -= (grey.sum((1, 2)) / np.maximum(area, 1))[:, None, None] * both
        fine.append(grey.reshape(len(grey), SIDE**2))
    length = np.linalg.norm(fine[0], axis=1) * np.linalg.norm(fine[1], axis=1)
    alike = (fine[0] * fine[1]).sum(1) / np.maximum(length, 1e-6)
    return np.where(area < _LEAST * SIDE**2, np.float32(0), alike)


def _shown(views: np.ndarray) -> np.ndarray:
    """bool, as the views: False in even areas and three pixels around them."""
    spread = maximum_filter(views, (1, 3, 3)) - minimum_filter(views, (1, 3, 3))
    span = views.max((1, 2), keepdims=True) - views.min((1, 2), keepdims=True)
    return ~maximum_filter(spread <= _EMPTY * span, (1, 7, 7))


def _without_border(grey: np.ndarray) -> np.ndarray:
    """The image without the even frame around it, and without the next one inside, as a white mount around black has."""
    for _ in range(3):
        sides = grey[0], grey[-1], grey[:, 0], grey[:, -1]
        middle = int(np.median(np.concatenate(sides)))
        if not any(_even(side, middle).mean() >= _LINE for side in sides):
            return grey  # found without looking inside, as most images have no frame
        even = _even(grey, middle)
        rows = np.flatnonzero(np.count_nonzero(even, axis=1) / even.shape[1] < _LINE)
        columns = np.flatnonzero(np.count_nonzero(even, axis=0) / even.shape[0] < _LINE)
        if min(len(rows), len(columns)) == 0:
            return grey
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        if bottom - top < grey.shape[0] / 4 or right - left < grey.shape[1] / 4:
            return grey  # next to nothing would be left: an image that is mostly dark, not a frame
        grey = grey[top:bottom, left:right]
    return grey


def _even(grey: np.ndarray, middle: int) -> np.ndarray:
    """bool: where the grey values are those of a border with this middle."""
    return (grey >= max(0, middle - _EVEN)) & (grey <= min(255, middle + _EVEN))
