"""From files found to images tested: where every file went."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from ..style import FAINT, INK, PAPER, WIDE, blank, paper, small

_STEP = 1.0  # height of one step, in the figure's own units


def flow_diagram(steps: pd.DataFrame, unit: str) -> Figure:
    """Boxes from top to bottom, what left the way beside them, the parts side by side at the end.

    steps  step, files, groups (NA where not counted), left: what left the way just above, in words; the last three
           rows are train, val and test
    unit   what a group is: patients, blocks, images
    """
    way, parts = steps.iloc[:-3], steps.iloc[-3:]
    height = _STEP * (len(way) + 1)
    with paper(WIDE):
        fig = blank(WIDE, 0.72 * height + 0.1)
        ax = fig.subplots()
        ax.set(xlim=(0, 12), ylim=(height - 0.15, -0.1))
        ax.axis("off")
        for place, (_, row) in enumerate(way.iterrows()):
            top = place * _STEP
            _box(ax, 6, top, 4.6, _words(row, unit))
            if place:
                _line(ax, (6, top - 0.4), (6, top))
            if row["left"]:
                ax.plot([6, 8.7], [top - 0.2, top - 0.2], color=FAINT, linewidth=1)
                ax.text(8.8, top - 0.2, row["left"], va="center", fontsize=small())
        last = len(way) * _STEP
        for place, (_, row) in zip((2, 6, 10), parts.iterrows(), strict=True):
            ax.plot([6, 6, place, place], [last - 0.4, last - 0.2, last - 0.2, last], color=INK, linewidth=1.2)
            _box(ax, place, last, 3.7, _words(row, unit))
    return fig


def _words(row: pd.Series, unit: str) -> str:
    groups = "" if pd.isna(row["groups"]) else f"\n{row['groups']} {unit}"
    return f"{row['step']}: {row['files']}{groups}"


def _box(ax: Axes, middle: float, top: float, width: float, words: str) -> None:
    ax.add_patch(FancyBboxPatch((middle - width / 2, top), width, 0.6, boxstyle="round,pad=0,rounding_size=0.1",
                                facecolor=PAPER, edgecolor=INK, linewidth=1.3))  # fmt: skip
    ax.text(middle, top + 0.3, words, ha="center", va="center", fontsize=small(), linespacing=1.25)


def _line(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.plot([start[0], end[0]], [start[1], end[1]], color=INK, linewidth=1.2)
