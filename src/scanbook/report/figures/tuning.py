"""A search on the validation part as a picture."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from ..style import NARROW, PAPER, WIDE, blank, color_of, paper


def tuning_grid(points: pd.DataFrame, axis: str = "rate") -> Figure:
    """Validation loss at each point of a grid, one line a network; a ring marks each point that was taken.

    points  network, point (its words; the order of the rows is the order along the axis), fold, val_loss (NaN where
            the training failed), chosen (bool)
    axis    what a point's words are: "rate", "rate · batch"

    With several folds the lines are means, and a faint one runs behind them for each fold. The loss is drawn on a
    logarithmic axis, since a rate that is too high can cost a factor of a hundred.
    """
    names, networks = list(dict.fromkeys(points["point"])), list(dict.fromkeys(points["network"]))
    width = NARROW if len(names) <= 5 else WIDE
    with paper(width):
        fig = blank(width, 3.2 + 0.25 * (len(networks) > 2))
        ax = fig.subplots()
        for network in networks:
            colour = color_of(network)
            own = points[points["network"] == network]
            table = own.pivot_table(index="point", columns="fold", values="val_loss", dropna=False).reindex(names)
            if table.shape[1] > 1:
                ax.plot(names, table.to_numpy(float), color=colour, linewidth=0.8, alpha=0.35)
            ax.plot(names, table.mean(axis=1), "-o", color=colour, markersize=4, label=network)
            taken = own[own["chosen"]]
            ax.plot(taken["point"], taken["val_loss"], "o", mfc=PAPER, mec=colour, mew=1.8, ms=9, linestyle="none")
        ax.set_yscale("log")
        low, high = np.nanmin(points["val_loss"]), np.nanmax(points["val_loss"])
        if high < 10 * low:  # without a power of ten in sight a logarithmic axis would carry no number
            ticks = np.geomspace(low, high, 4)
            ax.set_yticks(ticks, [f"{tick:.2g}" for tick in ticks])
            ax.minorticks_off()
        else:
            ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.set(xlabel=axis, ylabel="validation loss")
        ax.margins(x=0.1, y=0.12)
        ax.grid(axis="y")
        if len(names) > 5:
            ax.tick_params(axis="x", rotation=60)
        fig.legend(loc="outside upper center", ncols=min(3, len(networks)), columnspacing=1.2)
    return fig
