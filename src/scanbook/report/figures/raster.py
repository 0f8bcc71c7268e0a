"""Photographs and small print on one sheet, composed pixel by pixel.

Thirty-six tiles as thirty-six matplotlib axes take two seconds and blur the pixels twice; pasted into one
image they take a few hundredths and are what the network was given.
"""

import functools
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK = (31, 35, 40)
QUIET = (87, 96, 106)
PAPER = (255, 255, 255)


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along, so that every machine writes the same letters."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


def as_uint8(images: np.ndarray) -> np.ndarray:
    """Images as uint8; floats are taken as [0, 1] and anything beyond is cut off."""
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    return (np.clip(images.astype(float), 0, 1) * 255 + 0.5).astype(np.uint8)


def tile(image: np.ndarray, side: int) -> Image.Image:
    """One image in a square, aspect kept, centred on black.

    image   uint8 or float in [0, 1], (H, W), (H, W, 1) or (H, W, 3)

    Returns an RGB image (side, side).
    Raises ValueError for another shape.
    """
    pixels = as_uint8(image)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"tile: shape {np.shape(image)}; an image is (H, W), (H, W, 1) or (H, W, 3)")
    picture = Image.fromarray(pixels)
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS)
    square = Image.new("RGB", (side, side))
    square.paste(picture, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def wrap(text: str, width: int, letters: ImageFont.FreeTypeFont, lines: int) -> list[str]:
    """Break text to a width in pixels, after commas first and then at spaces; an ellipsis where it must
    end.
    """
    rows: list[str] = []
    for part in [part for part in text.replace("\n", ", ").split(", ") if part]:
        if rows and letters.getlength(f"{rows[-1]}, {part}") <= width:
            rows[-1] += f", {part}"
            continue
        row = ""
        for word in part.split():
            longer = f"{row} {word}".strip()
            if row and letters.getlength(longer) > width:
                rows.append(row)
                longer = word
            row = longer
        rows.append(row)
    if len(rows) > lines:
        rows = [*rows[: lines - 1], rows[lines - 1] + " …"]
    return [fitted(row, width, letters) for row in rows]


def fitted(text: str, width: int, letters: ImageFont.FreeTypeFont) -> str:
    """The text, cut with an ellipsis where it is wider than `width` pixels."""
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def sheet(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A blank sheet of paper and the pen for it."""
    image = Image.new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image)
