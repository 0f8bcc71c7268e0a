"""Who is taken for whom: confusion matrices side by side, and the one matrix of networks and sets."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..style import FAINT, PAPER, WIDE, blank, broken, color_of, metric_label, number, paper, readable, small


def confusion_matrices(matrices: Mapping[str, pd.DataFrame]) -> Figure:
    """One matrix a network: counts, and percent of the true class, which is also what the shade shows.

    matrices   network → counts, truth (rows) by predicted (columns), the same classes in each

    All share one scale, from 0 to 100 % of the row. Two beside each other with three classes or more, else
    three. Raises ValueError when the classes differ.
    """
    names = list(matrices)
    if not names:
        raise ValueError("confusion_matrices: no matrix; give one network at least")
    classes = list(matrices[names[0]].index)
    for name, counts in matrices.items():
        if list(counts.index) != classes or list(counts.columns) != classes:
            raise ValueError(
                f"confusion_matrices: {name} has other classes than {names[0]} ({', '.join(map(str, classes))})"
            )
    across = min(len(names), 3 if len(classes) == 2 else 2)
    down = -(-len(names) // across)
    width = {1: 3.9, 2: 5.6, 3: WIDE}[across] if len(classes) < 4 or across == 1 else WIDE
    longest = max(len(str(name)) for name in classes)
    slanted = len(classes) > 2 or longest > 7
    foot = 0.10 * min(longest, 14) if slanted else 0.3
    panel = (width - 0.1 * longest - 0.3) / across
    with paper(width):
        fig = blank(width, down * (min(panel, 2.6) + 0.35) + foot + 0.5)
        axes = np.atleast_1d(fig.subplots(down, across, sharex=True, sharey=True)).ravel()
        for ax, name in zip(axes, names, strict=False):
            _matrix(ax, name, matrices[name])
        for ax in axes[len(names) :]:
            ax.set_visible(False)
        if slanted:
            for ax in axes:
                ax.set_xticks(ax.get_xticks(), classes, rotation=40, ha="right", rotation_mode="anchor")
        fig.supxlabel("predicted", fontsize="medium")
        fig.supylabel("truth", fontsize="medium")
    return fig


def _matrix(ax: Axes, name: str, counts: pd.DataFrame) -> None:
    cells = counts.to_numpy(dtype=float)
    shown = cells.sum(1, keepdims=True)
    share = 100 * np.divide(cells, shown, out=np.zeros_like(cells), where=shown > 0)
    shades = sns.light_palette(color_of(name), as_cmap=True)
    sns.heatmap(
        pd.DataFrame(share, counts.index, counts.columns),
        ax=ax, vmin=0, vmax=100, cmap=shades, cbar=False, square=True, linewidths=1.5, linecolor=PAPER,
    )  # fmt: skip
    for row, column in np.ndindex(*cells.shape):
        ink = readable(shades(share[row, column] / 100))
        ax.text(column + 0.5, row + 0.42, f"{cells[row, column]:.0f}", ha="center", va="center", color=ink,
                fontsize="large", fontweight="bold")  # fmt: skip
        text = f"{share[row, column]:.0f} %" if shown[row, 0] else "–"
        ax.text(column + 0.5, row + 0.72, text, ha="center", va="center", color=ink, fontsize=small())
    ax.set(xlabel="", ylabel="")
    ax.set_title(broken(name, 16), color=color_of(name), fontweight="bold")
    ax.tick_params(length=0)
    ax.set_yticks(ax.get_yticks(), counts.index, rotation=0)


def network_set_matrix(scores: pd.DataFrame, metric: str = "auroc") -> Figure:
    """All networks and all sets at a glance: value and interval in each cell, darker is higher.

    scores   one row per pair: assignment, network, value, low, high; a pair that was not run stays empty

    Rows are networks and columns assignments, in the order of their first appearance. The shade is grey,
    because colour means network.
    """
    sets, networks = list(dict.fromkeys(scores["assignment"])), list(dict.fromkeys(scores["network"]))
    values = scores.pivot(index="network", columns="assignment", values="value").loc[networks, sets].astype(float)
    rows, grid = scores.set_index(["network", "assignment"]), values.to_numpy(dtype=float)
    shades = sns.light_palette("#4d565f", as_cmap=True)
    with paper(WIDE):
        fig = blank(WIDE, 0.95 + 0.62 * len(networks))
        ax = fig.subplots()
        sns.heatmap(values, ax=ax, vmin=0, vmax=1, cmap=shades, cbar=False, linewidths=2, linecolor=PAPER)
        for (r, network), (c, name) in ((a, b) for a in enumerate(networks) for b in enumerate(sets)):
            value = grid[r, c]
            if not np.isfinite(value):
                ax.text(c + 0.5, r + 0.5, "–", ha="center", va="center", color=FAINT)
                continue
            row = rows.loc[(network, name)]
            ink = readable(shades(value))
            known = np.isfinite(row["low"])
            ax.text(c + 0.5, r + (0.36 if known else 0.5), number(value), ha="center", va="center", color=ink,
                    fontsize="large", fontweight="bold")  # fmt: skip
            if known:
                bounds = f"{row['low']:.2f}–{row['high']:.2f}"
                ax.text(c + 0.5, r + 0.7, bounds, ha="center", va="center", color=ink, fontsize=small())
        ax.set(xlabel="", ylabel="")
        ax.xaxis.tick_top()
        ax.set_xticks(ax.get_xticks(), [broken(name, 11) for name in sets], rotation=0)
        ax.tick_params(length=0)
        ax.set_yticks(ax.get_yticks(), [broken(name, 16) for name in networks], rotation=0)
        for label, network in zip(ax.get_yticklabels(), networks, strict=True):
            label.set_color(color_of(network))
            label.set_fontweight("bold")
        ax.set_xlabel(f"{metric_label(metric)} on the test part, 95 % interval", labelpad=8)
    return fig
