"""Claimed, as the source split, honest: what is left of a score when patients are kept apart, all sets at one glance."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..style import FAINT, GRID, INK, PAPER, WIDE, blank, broken, color_of, metric_label, number, paper, small

_ROW = 0.42
_TOUCH = 0.02  # two marks this near leave no room for an arrow between them


def leakage_arrows(scores: pd.DataFrame, claims: pd.DataFrame | None = None, metric: str = "accuracy") -> Figure:
    """One band an assignment, one arrow a network: from images dealt one by one (hollow) to groups kept apart (filled).

    scores   assignment, network, dealt, apart, low, high: both scores of one network, and the interval of `apart`
    claims   assignment, claim: a diamond at what was claimed or is usually published

    The words stand in the figure, at the first arrow; no legend is needed.
    """
    order = list(dict.fromkeys(scores["assignment"]))
    with paper(WIDE):
        fig = blank(WIDE, 1.15 + _ROW * len(scores) + 0.16 * len(order))
        ax = fig.subplots()
        place, middles = 0.0, []
        for band, name in enumerate(order):
            rows = scores[scores["assignment"] == name]
            top = place
            for _, row in rows.iterrows():
                colour = color_of(row["network"])
                if np.isfinite(row["low"]):
                    ax.plot([row["low"], row["high"]], [place, place], color=colour, alpha=0.28, linewidth=7,
                            solid_capstyle="butt")  # fmt: skip
                if abs(row["apart"] - row["dealt"]) > _TOUCH:
                    arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": 4, "shrinkB": 3}
                    ax.annotate("", (row["apart"], place), (row["dealt"], place), arrowprops=arrow)
                ax.plot([row["dealt"]], [place], "o", ms=7, mfc=PAPER, mec=colour, mew=1.6)
                ax.plot([row["apart"]], [place], "o", ms=7, color=colour, mec=PAPER, mew=0.8)
                left = min(row["dealt"], row["apart"], row["low"] if np.isfinite(row["low"]) else 1)
                ax.annotate(f"{row['network']} {number(row['apart'])}", (left, place), xytext=(-8, 0),
                            textcoords="offset points", ha="right", va="center", fontsize=small(),
                            path_effects=[withStroke(linewidth=3, foreground=PAPER)])  # fmt: skip
                place += 1
            if band % 2 == 0:
                ax.axhspan(top - 0.75, place - 0.25, color=GRID, alpha=0.45, linewidth=0, zorder=0)
            middles.append((top + place - 1) / 2)
            if claims is not None:
                for _, claim in claims[claims["assignment"] == name].iterrows():
                    ax.plot([claim["claim"]] * 2, [top - 0.6, place - 0.4], color=INK, linewidth=1, zorder=1)
                    ax.plot([claim["claim"]], [top - 0.6], "D", ms=6, color=INK, clip_on=False)
            place += 0.4
        ax.set_yticks(middles, [broken(name, 14) for name in order])
        ax.set(
            xlim=(0, 1.02), ylim=(place - 0.65, -1.75), xlabel=f"{metric_label(metric)}; the band is the 95 % interval"
        )
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color=GRID)
        ax.text(0.0, -1.25, "○ images dealt one by one  →  ● groups kept apart     ◆ claimed", fontsize=small(), color=INK,
                va="center")  # fmt: skip
        ax.spines["left"].set_color(FAINT)
    return fig
