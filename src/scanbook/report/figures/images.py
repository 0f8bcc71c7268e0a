"""Pictures of the images themselves: samples, augmented versions, one new image."""

from collections.abc import Sequence, Sized

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..style import GRID
from .raster import INK, fitted, font, sheet, tile, wrap

GAP = 8
HEADING = 17
PRINT = 14
BAR = (122, 132, 143)
BAR_STEP = PRINT + 20


def samples_by_class(
    images: np.ndarray,
    labels: Sequence[str],
    captions: Sequence[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    side: int = 132,
) -> Image.Image:
    """Some images of every class, one row a class, as they are given to a network before any augmentation.

    images    uint8 (N, H, W, C), C 1 or 3
    labels    class of each image
    captions  a few words under each, e.g. the patient; None for nothing
    classes   order of the rows; without it, as the labels come

    Returns an RGB image; a class without images has no row.
    Raises ValueError when the numbers of images, labels and captions differ.
    """
    captions = [""] * len(labels) if captions is None else captions
    _same_length("samples_by_class", images=images, labels=labels, captions=captions)
    order = list(dict.fromkeys(labels)) if classes is None else [c for c in classes if c in set(labels)]
    rows = [[i for i, label in enumerate(labels) if label == name] for name in order]
    words = [[wrap(captions[i], side, font(PRINT), 2) for i in row] for row in rows]
    below = max((len(lines) for row in words for lines in row), default=0) * (PRINT + 4)
    step = HEADING + 8 + side + below + 2 * GAP
    canvas, pen = sheet(max(map(len, rows)) * (side + GAP) + GAP, len(rows) * step + GAP)
    for r, (name, row) in enumerate(zip(order, rows, strict=True)):
        top = r * step + GAP
        pen.text((GAP, top), name, INK, font(HEADING, bold=True))
        top += HEADING + 8
        for c, i in enumerate(row):
            left = GAP + c * (side + GAP)
            canvas.paste(tile(images[i], side), (left, top))
            _lines(pen, left, top + side + 2, words[r][c])
    return canvas


def augmentation_grid(
    originals: np.ndarray,
    augmented: np.ndarray,
    labels: Sequence[str],
    descriptions: Sequence[Sequence[str]],
    *,
    side: int = 116,
) -> Image.Image:
    """Each row: one training image untouched, then versions of it as a network meets them while training.

    originals     (R, H, W, C), uint8 or float in [0, 1]; one row at least for each class
    augmented     (R, A, H, W, C), the same; usually A = 8
    labels        class of each row
    descriptions  what was drawn for each version, R lists of A texts; parts divided by ", "

    Returns an RGB image, about 1,100 pixels wide for A = 8; under 760 pixels it should scroll rather than
    shrink. Raises ValueError when the numbers of rows or of versions differ.
    """
    _same_length("augmentation_grid", originals=originals, augmented=augmented, labels=labels, texts=descriptions)
    n_versions = np.shape(augmented)[1]
    if any(len(row) != n_versions for row in descriptions):
        found = sorted({len(row) for row in descriptions})
        raise ValueError(f"augmentation_grid: {n_versions} versions a row, but {found} descriptions")
    small = font(PRINT - 1)
    words = [[wrap(text, side, small, 7) for text in row] for row in descriptions]
    aside = 2 * GAP  # the original stands a little apart
    width = (n_versions + 1) * (side + GAP) + GAP + aside
    heights = [HEADING + 8 + side + max(map(len, row)) * (PRINT + 3) + 2 * GAP for row in words]
    canvas, pen = sheet(width, sum(heights) + GAP)
    top = GAP
    for r, label in enumerate(labels):
        pen.text((GAP, top), label, INK, font(HEADING, bold=True))
        line = top + HEADING + 8
        canvas.paste(tile(originals[r], side), (GAP, line))
        pen.rectangle((GAP - 3, line - 3, GAP + side + 2, line + side + 2), outline=INK, width=3)
        _lines(pen, GAP, line + side + 5, ["original"], small)
        for c in range(n_versions):
            left = GAP + aside + (c + 1) * (side + GAP)
            canvas.paste(tile(augmented[r][c], side), (left, line))
            _lines(pen, left, line + side + 5, words[r][c], small)
        top += heights[r]
    return canvas


def image_and_bars(image: np.ndarray, probs: np.ndarray, classes: Sequence[str], *, side: int = 320) -> Image.Image:
    """One new image, and beneath it how probable the network holds each class.

    image   (H, W) or (H, W, C), uint8 or float in [0, 1]
    probs   float (K,)
    """
    canvas, pen = sheet(side + 2 * GAP, side + 3 * GAP + len(classes) * BAR_STEP)
    canvas.paste(tile(image, side), (GAP, GAP))
    bars(pen, GAP, side + 2 * GAP, side, probs, classes)
    return canvas


def bars(pen: ImageDraw.ImageDraw, left: int, top: int, width: int, probs: np.ndarray, classes: Sequence[str]) -> None:
    """Name and value on one line, the bar below, filled dark for the predicted class."""
    for k, (name, prob) in enumerate(zip(classes, probs, strict=True)):
        value = f"{prob:.2f}"
        room = width - font(PRINT).getlength(value) - 6
        pen.text((left, top), fitted(name, int(room), font(PRINT)), INK, font(PRINT))
        pen.text((left + width, top), value, INK, font(PRINT), anchor="ra")
        bar = top + PRINT + 5
        pen.rectangle((left, bar, left + width - 1, bar + 7), fill=GRID)
        if prob * width >= 1:
            fill = INK if k == int(np.argmax(probs)) else BAR
            pen.rectangle((left, bar, left + round(float(prob) * width) - 1, bar + 7), fill=fill)
        top += BAR_STEP


def _lines(
    pen: ImageDraw.ImageDraw, left: int, top: int, rows: list[str], letters: ImageFont.FreeTypeFont | None = None
) -> None:
    for n, row in enumerate(rows):
        pen.text((left, top + n * (PRINT + 3)), row, INK, letters or font(PRINT))


def _same_length(where: str, **given: Sized) -> None:
    lengths = {name: len(value) for name, value in given.items()}
    if len(set(lengths.values())) > 1 or not next(iter(lengths.values())):
        found = ", ".join(f"{n} {name}" for name, n in lengths.items())
        raise ValueError(f"{where}: {found}; give the same number of each, and at least one")
