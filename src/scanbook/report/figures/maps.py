"""Pictures of where networks look: the image, the map over it, and how often maps point at the lesion."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from ..style import FAINT, INK, WIDE, blank, color_of, number, paper
from .raster import INK as PEN
from .raster import QUIET, as_uint8, fitted, font, sheet, tile, wrap

GAP = 8
PRINT = 14
STRENGTH = 0.65  # how much of the image the map's colour covers at its highest place
LESION = (0, 255, 170)
WRONG = (179, 38, 30)


class Column(NamedTuple):
    """One network of a sheet of maps.

    name    as it should be read
    state   a few words under the name: shown as evidence, fails …
    maps    float (R, h, w), not negative, one an image; None: there are none, and the column stays empty
    said    R texts: the class answered and its probability
    wrong   R booleans
    """

    name: str
    state: str
    maps: np.ndarray | None
    said: Sequence[str]
    wrong: Sequence[bool]


def maps_sheet(
    images: np.ndarray, captions: Sequence[str], columns: Sequence[Column], lesions: np.ndarray | None = None,
    *, side: int = 150,
) -> Image.Image:  # fmt: skip
    """A row an image: the image as it is, then each network's map laid over it.

    images    uint8 (R, S, S, C)
    captions  R texts under the images: the label and whose image it is
    lesions   bool (R, S, S): outlined in the image where its place is known; None: nowhere

    Every map is stretched to its own highest value, so brightness compares places in one image, never networks.
    Returns an RGB image; raises ValueError when the numbers of images and captions or answers differ.
    """
    lengths = {len(images), len(captions), *(len(c.said) for c in columns)}
    if len(lengths) > 1 or not len(images):
        raise ValueError(f"maps_sheet: {sorted(lengths)} images, captions and answers; give the same number of each")
    head, step = 3 * (PRINT + 4) + GAP, side + 2 * (PRINT + 4) + 2 * GAP
    canvas, pen = sheet((len(columns) + 1) * (side + GAP) + GAP, head + len(images) * step)
    for c, (name, state) in enumerate([("the image", ""), *((column.name, column.state) for column in columns)]):
        left = GAP + c * (side + GAP)
        pen.text((left, GAP), fitted(name, side, font(PRINT, bold=True)), PEN, font(PRINT, bold=True))
        for n, line in enumerate(wrap(state, side, font(PRINT - 1), 2)):
            pen.text((left, GAP + (n + 1) * (PRINT + 4)), line, WRONG if state == "fails" else QUIET, font(PRINT - 1))
    for r, image in enumerate(images):
        top = head + r * step
        picture = tile(image, side)
        canvas.paste(picture if lesions is None else _outlined(picture, lesions[r]), (GAP, top))
        for n, line in enumerate(wrap(captions[r], side, font(PRINT), 2)):
            pen.text((GAP, top + side + 3 + n * (PRINT + 4)), line, PEN, font(PRINT))
        for c, column in enumerate(columns):
            left = GAP + (c + 1) * (side + GAP)
            if column.maps is not None:
                canvas.paste(tile(overlaid(image, column.maps[r]), side), (left, top))
            lines = wrap(("wrong: " if column.wrong[r] else "") + column.said[r], side, font(PRINT), 2)
            for n, line in enumerate(lines):
                place = (left, top + side + 3 + n * (PRINT + 4))
                pen.text(place, line, WRONG if column.wrong[r] else PEN, font(PRINT))
    return canvas


def overlaid(image: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The image in grey with a map over it, uint8 (S, S, 3); where the map is 0 the image stays as it is.

    image  uint8 (S, S, C) or (S, S)
    cells  float (h, w), not negative; drawn smooth, though it knows no more than its cells
    """
    pixels = as_uint8(image)
    grey = pixels.reshape(*pixels.shape[:2], -1).mean(2)
    height, width = grey.shape
    top = float(cells.max())
    scaled = (cells / top if top > 0 else np.zeros_like(cells)).astype(np.float32)
    smooth = np.asarray(Image.fromarray(scaled).resize((width, height), Image.Resampling.BILINEAR))
    colour = mpl.colormaps["inferno"](0.25 + 0.75 * smooth)[..., :3] * 255
    share = (STRENGTH * smooth)[..., None]
    return np.rint((1 - share) * grey[..., None] + share * colour).clip(0, 255).astype(np.uint8)


def _outlined(picture: Image.Image, lesion: np.ndarray) -> Image.Image:
    """The picture with a line of one pixel around the lesion, on its outer side so that what is inside stays seen."""
    inside = np.asarray(Image.fromarray(lesion).resize(picture.size, Image.Resampling.NEAREST))
    wider = np.pad(inside, 1)
    around = (wider[:-2, 1:-1] | wider[2:, 1:-1] | wider[1:-1, :-2] | wider[1:-1, 2:]) & ~inside
    pixels = np.array(picture)
    pixels[around] = LESION
    return Image.fromarray(pixels)


def lesion_forest(table: pd.DataFrame) -> Figure:
    """Pointing and energy by network with intervals, and what chance, edges and a blob in the middle would reach.

    table  network, metric (map_pointing, map_energy and those with _chance, _edges, _blob), value, low, high
    """
    networks = list(dict.fromkeys(table["network"]))
    found = table.set_index(["network", "metric"])
    with paper(WIDE):
        figure = blank(WIDE, 1.5 + 0.5 * len(networks))
        for axes, (metric, title) in zip(
            figure.subplots(1, 2, sharey=True),
            (("map_pointing", "highest cell on the lesion"), ("map_energy", "share of the map inside")), strict=True,
        ):  # fmt: skip
            for y, network in enumerate(networks):
                row, colour = found.loc[(network, metric)], color_of(network)
                if np.isfinite(row["low"]):
                    axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.2)
                axes.plot(row["value"], y, "o", color=colour)
                axes.annotate(number(row["value"]), (row["value"], y), (0, 7), textcoords="offset points", ha="center")
                for ending, marker, words in (
                    ("chance", "|", "chance"),
                    ("edges", "x", "edges"),
                    ("blob", "s", "blob"),
                ):
                    if (network, f"{metric}_{ending}") in found.index:
                        axes.plot(found.loc[(network, f"{metric}_{ending}"), "value"], y, marker, color=FAINT, zorder=1,
                                  markersize=11 if marker == "|" else 5, markeredgewidth=1.6 if marker != "s" else 0,
                                  label=words if y == 0 else None)  # fmt: skip
            axes.set(xlabel=title, ylim=(len(networks) - 0.4, -0.7))
            axes.set_xlim(0, 1 if metric == "map_pointing" else None)
            axes.grid(axis="x")
            axes.set_yticks(range(len(networks)), networks, color=INK)
            axes.tick_params(axis="y", length=0)
        figure.axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, 1.28), ncols=3, handletextpad=0.2)
    return figure
