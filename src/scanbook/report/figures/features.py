"""Pictures of what a network holds for alike: a mistake beside its nearest training images, and a map of all images."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from ..style import CLASS_GREYS, FAINT, INK, WIDE, blank, paper
from .images import BAR_STEP, bars
from .raster import INK as PEN
from .raster import fitted, font, sheet, tile, wrap

GAP = 8
APART = 20
PRINT = 13
HEADING = 16
WRONG = (179, 38, 30)
WRONG_RING = "#b3261e"
MARKERS = "os^DvPX*"


class Case(NamedTuple):
    """One test image and its nearest training images.

    kind        heading under which it stands
    image       uint8 (S, S, C)
    words       what is said under it, parts divided by ", "
    wrong       whether the answer was
    neighbours  (image, words) each, the nearest first
    probs       class -> how probable the network holds it, drawn as bars; empty: no bars
    """

    kind: str
    image: np.ndarray
    words: str
    wrong: bool
    neighbours: Sequence[tuple[np.ndarray, str]]
    probs: Mapping[str, float] = MappingProxyType({})


def neighbour_sheet(cases: Sequence[Case], *, side: int = 116, across: int = 2) -> Image.Image:
    """Cases by kind, `across` of them in a row: the test image in a frame, below it a bar a class, then its nearest
    training images.

    Wrong answers have a red frame and red words that say so. Raises ValueError without a case.
    """
    if not cases:
        raise ValueError("neighbour_sheet: no case; give at least one")
    tiles = 1 + max(len(case.neighbours) for case in cases)
    width = tiles * (side + GAP) + APART
    lines = 4
    words_end = side + lines * (PRINT + 4) + 6
    height = words_end + GAP + BAR_STEP * max(len(case.probs) for case in cases)
    kinds = list(dict.fromkeys(case.kind for case in cases))
    rows = {kind: [case for case in cases if case.kind == kind] for kind in kinds}
    tops = [HEADING + 10 + -(-len(rows[kind]) // across) * height for kind in kinds]
    columns = min(across, max(len(found) for found in rows.values()))
    canvas, pen = sheet(columns * width + GAP, sum(tops) + GAP)
    top = GAP
    for kind, above in zip(kinds, tops, strict=True):
        pen.text((GAP, top), kind, PEN, font(HEADING, bold=True))
        for n, case in enumerate(rows[kind]):
            left, line = GAP + n % across * width, top + HEADING + 10 + n // across * height
            for t, (image, words) in enumerate([(case.image, case.words), *case.neighbours]):
                x = left + t * (side + GAP) + (GAP if t else 0)  # the test image stands a little apart
                canvas.paste(tile(image, side), (x, line))
                colour = WRONG if case.wrong and not t else PEN
                if not t:
                    pen.rectangle((x - 3, line - 3, x + side + 2, line + side + 2), outline=colour, width=3)
                for k, text in enumerate(wrap(words, side, font(PRINT), lines)):
                    place = (x, line + side + 5 + k * (PRINT + 3))
                    pen.text(place, fitted(text, side, font(PRINT)), colour, font(PRINT))
            bars(pen, left, line + words_end, side, np.array([*case.probs.values()]), list(case.probs))
        top += above
    return canvas


def feature_map(table: pd.DataFrame, shares: Sequence[float]) -> Figure:
    """Images where a network's features put them, in the two directions in which these differ most.

    table   x, y, label, group, part (train or test), wrong (bool, test only)
    shares  of the variance along x and y

    The shape and the grey are the class, hollow is training, a red ring a wrong answer; a thin line joins the test images
    of one group.
    """
    classes = sorted(table["label"].unique())
    with paper(WIDE):
        figure = blank(WIDE, 4.4)
        axes = figure.subplots()
        test, train = (table[table["part"] == part] for part in ("test", "train"))
        for _, own in test.groupby("group"):
            if 1 < len(own) <= 12:
                axes.plot(own["x"], own["y"], color=FAINT, linewidth=0.6, zorder=1)
        for k, name in enumerate(classes):
            grey, shape = CLASS_GREYS[k % len(CLASS_GREYS)], MARKERS[k % len(MARKERS)]
            own = train[train["label"] == name]
            axes.scatter(
                own["x"], own["y"], s=14, facecolors="none", edgecolors=grey, linewidths=0.7, zorder=2, marker=shape
            )
            own = test[test["label"] == name]
            axes.scatter(
                own["x"], own["y"], s=26, color=grey, edgecolors=INK, linewidths=0.4, zorder=3, label=name, marker=shape
            )
        wrong = test[test["wrong"]]
        if len(wrong):
            axes.scatter(wrong["x"], wrong["y"], s=90, facecolors="none", edgecolors=WRONG_RING, linewidths=1.3, zorder=4,
                         label="wrong")  # fmt: skip
        axes.scatter([], [], s=14, facecolors="none", edgecolors=FAINT, label="training")
        axes.set(xlabel=f"first direction ({100 * shares[0]:.0f} % of the variance)",
                 ylabel=f"second direction ({100 * shares[1]:.0f} %)", xticks=[], yticks=[])  # fmt: skip
        figure.legend(loc="outside upper center", ncols=min(4, len(classes) + 2))
    return figure
