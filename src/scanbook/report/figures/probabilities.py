"""What probabilities are worth: what was said beside what came, and what is left when the least sure are handed over."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..style import FAINT, INK, NARROW, PAPER, WIDE, blank, broken, color_of, legend_columns, paper

TICKS = (0, 0.5, 1)
BEFORE, AFTER = "as trained", "after the temperature"


def reliability_diagram(bins: pd.DataFrame, said: str, came: str) -> Figure:
    """What networks say beside what comes, a panel a network: on the diagonal a probability means what it says.

    bins         network, after (bool: with the temperature), said, came, low, high (NaN: no interval)
    said, came   what the axes are called

    Hollow on a dotted line is the network as trained, filled on a solid line the same after its temperature.
    """
    networks = list(dict.fromkeys(bins["network"]))
    across = min(2, len(networks))
    width = NARROW if across == 1 else WIDE
    with paper(width):
        down = -(-len(networks) // across)
        fig = blank(width, down * (width - 0.6) / across + 0.85)
        fig.set_layout_engine("constrained", w_pad=0.12)  # the 1.0 of one panel and the 0.0 of the next must not touch
        axes = fig.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
        for ax, network in zip(axes, networks, strict=False):
            ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (1, 3)), zorder=1)
            rows = bins[bins["network"] == network]
            for after in (False, True):
                _said_and_came(ax, rows[rows["after"] == after].sort_values("said"), color_of(network), after)
            ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", xticks=TICKS, yticks=TICKS)
            ax.set_title(broken(network, 16), color=color_of(network), fontweight="bold")
        for ax in axes[len(networks) :]:
            ax.set_visible(False)
        fig.supxlabel(said, fontsize="medium")
        fig.supylabel(came, fontsize="medium")
        handles = [
            Line2D([], [], color=INK, linestyle=":", marker="o", mfc=PAPER, mew=1.4, label=BEFORE),
            Line2D([], [], color=INK, linestyle="-", marker="o", label=AFTER),
        ]
        fig.legend(handles=handles, loc="outside upper center", ncols=2, columnspacing=1.4)
    return fig


def _said_and_came(ax: Axes, rows: pd.DataFrame, colour: str, after: bool) -> None:
    known = rows[np.isfinite(rows["low"].astype(float))]
    strength = 0.9 if after else 0.4
    ax.vlines(known["said"], known["low"], known["high"], color=colour, alpha=strength, linewidth=1.4 if after else 3)
    ax.plot(rows["said"], rows["came"], "-" if after else ":", color=colour, marker="o", ms=6, mew=1.4, mec=colour,
            mfc=colour if after else PAPER, zorder=3 if after else 4, clip_on=False)  # fmt: skip


def handed_over(rows: pd.DataFrame) -> Figure:
    """Accuracy on what is kept against the share handed to a human: a line a network, its band the 95 % interval.

    rows   network, handed_over (share, 0 to 1), value, low, high
    """
    networks = list(dict.fromkeys(rows["network"]))
    with paper(WIDE):
        fig = blank(WIDE, 3.6)
        ax = fig.subplots()
        for network in networks:
            line = rows[rows["network"] == network].sort_values("handed_over")
            share, colour = 100 * line["handed_over"], color_of(network)
            low, high = (line[name].astype(float) for name in ("low", "high"))
            ax.fill_between(share, low, high, color=colour, alpha=0.15, lw=0)
            ax.plot(share, line["value"], "-o", color=colour, ms=5, label=network, clip_on=False)
        ax.set(ylim=(0, 1.02), xlabel="least sure images handed to a human, %", ylabel="accuracy on the rest")
        ax.margins(x=0.02)
        ax.grid(axis="y")
        fig.legend(loc="outside upper center", ncols=legend_columns(networks), columnspacing=1.4)
    return fig
