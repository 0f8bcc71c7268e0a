"""What small changes of the images cost: a score against the strength of each change."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..style import FAINT, NARROW, WIDE, blank, broken, color_of, metric_label, paper, small

ACROSS = 3
CHANCE = 0.5


def strength_ladder(points: pd.DataFrame, metric: str = "auroc") -> Figure:
    """One panel a shift: the score at each strength, a line a network, a band for its 95 % interval.

    points  network, shift (heads the panel), unit, strength (its words), place (0 for the images as they are, then 1, 2
            …: steps stand evenly apart), value, low, high (NaN: no interval, hence no band)
    metric  what the values are, as scores.csv calls it; AUROC gets a line where guessing lies

    Panels share the vertical axis, which begins at 0.4 or below the lowest interval and ends at 1.
    Raises ValueError without points.
    """
    if points.empty:
        raise ValueError("strength_ladder: no points; give one shift of one network at least")
    shifts, networks = list(dict.fromkeys(points["shift"])), list(dict.fromkeys(points["network"]))
    across = min(ACROSS, len(shifts))
    down = -(-len(shifts) // across)
    width = NARROW if across == 1 else WIDE
    lowest = np.nanmin(points[["value", "low"]].to_numpy(dtype=float))
    with paper(width):
        fig = blank(width, 2.75 * down + 0.4)
        axes = fig.subplots(down, across, squeeze=False, sharey=True).ravel()
        for n, (ax, shift) in enumerate(zip(axes, shifts, strict=False)):
            own = points[points["shift"] == shift]
            for network in networks:
                _line(ax, own[own["network"] == network].sort_values("place"), color_of(network))
            first = own.drop_duplicates("place").sort_values("place")
            ax.set_xticks(first["place"], first["strength"])
            ax.set_title(shift, fontweight="bold")
            ax.set_xlabel(broken(own["unit"].iloc[0], round(54 / across)), fontsize=small())
            ax.set_ylim(min(0.4, lowest - 0.03), 1.02)
            ax.margins(x=0.08)
            ax.grid(axis="y")
            ax.tick_params(length=0)  # a mark and a tick at each of so many steps would only add weight
            if metric == "auroc":
                ax.axhline(CHANCE, color=FAINT, linewidth=1, linestyle=(0, (1, 3)), zorder=0)
            if n % across == 0:
                ax.set_ylabel(metric_label(metric))
        for ax in axes[len(shifts) :]:
            ax.set_visible(False)
        handles = [axes[0].plot([], [], "-o", color=color_of(name), ms=5, label=name)[0] for name in networks]
        fig.legend(handles=handles, loc="outside upper center", ncols=min(3, len(networks)), columnspacing=1.4)
    return fig


def _line(ax: Axes, line: pd.DataFrame, colour: str) -> None:
    known = np.isfinite(line["low"].to_numpy(dtype=float))
    ax.fill_between(line["place"], line["low"], line["high"], where=known, color=colour, alpha=0.16, linewidth=0)
    ax.plot(line["place"], line["value"], "-o", color=colour, ms=4.5, mew=0)
