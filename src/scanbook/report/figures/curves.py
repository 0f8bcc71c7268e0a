"""Curves: what happened while training, and what each threshold would give."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..style import FAINT, INK, LINES, NARROW, PAPER, WIDE, blank, broken, color_of, paper, small

TICKS = (0, 0.5, 1)


def learning_curves(history: pd.DataFrame) -> Figure:
    """Loss and accuracy over epochs, one column a network: dotted is train, solid is validation.

    history   history.csv of each network with a column `network`: epoch (1, 2 … over all stages), stage,
              train_loss, val_loss, train_accuracy, val_accuracy, best (1 at the epoch that was kept)

    Grey lines divide the stages; the ring marks the epoch that validation chose, whose weights were tested.
    Panels of a row share their axis; more than three networks go on below.
    """
    networks = list(dict.fromkeys(history["network"]))
    if not networks:
        raise ValueError("learning_curves: no rows; give the history of one network at least")
    across = min(3, len(networks))
    down = -(-len(networks) // across)
    width = NARROW if across == 1 else WIDE
    with paper(width):
        fig = blank(width, 3.9 * down + 0.4)
        axes = fig.subplots(2 * down, across, squeeze=False, sharex=True)
        top = np.nanpercentile(history[["train_loss", "val_loss"]].to_numpy(dtype=float), 99)
        for n, network in enumerate(networks):
            row, column = 2 * (n // across), n % across
            curve = history[history["network"] == network].sort_values("epoch")
            for offset, value in enumerate(("loss", "accuracy")):
                ax = axes[row + offset, column]
                _curve(ax, curve, value, network)
                ax.set_ylim(0, 1.04 if value == "accuracy" else 1.1 * top)
                if value == "accuracy":
                    ax.set_yticks(TICKS)
                ax.tick_params(labelleft=column == 0)
                if column == 0:
                    ax.set_ylabel(value)
            axes[row, column].set_title(broken(network, 16), color=color_of(network), fontweight="bold")
        for n in range(len(networks), down * across):  # no network: its place stays empty
            row, column = 2 * (n // across), n % across
            axes[row, column].set_visible(False)
            axes[row + 1, column].set_visible(False)
            axes[row - 1, column].tick_params(labelbottom=True)
        for ax in axes[-1]:
            ax.xaxis.get_major_locator().set_params(integer=True)
        fig.supxlabel("epoch", fontsize="medium")
        handles = [
            axes[0, 0].plot([], [], LINES["train"], color=INK, label="train")[0],
            axes[0, 0].plot([], [], LINES["val"], color=INK, label="validation")[0],
            axes[0, 0].plot([], [], "o", mfc=PAPER, mec=INK, mew=1.8, ms=7, label="chosen epoch")[0],
        ]
        fig.legend(handles=handles, loc="outside upper center", ncols=3, handletextpad=0.5, columnspacing=1.2)
    return fig


def _curve(ax: Axes, curve: pd.DataFrame, value: str, network: str) -> None:
    colour = color_of(network)
    ax.plot(curve["epoch"], curve[f"train_{value}"], LINES["train"], color=colour)
    ax.plot(curve["epoch"], curve[f"val_{value}"], LINES["val"], color=colour)
    chosen = curve[curve["best"] == 1].tail(1)
    ax.plot(chosen["epoch"], chosen[f"val_{value}"], "o", mfc=PAPER, mec=colour, mew=1.8, ms=7)
    if "stage" in curve:
        starts = curve.groupby("stage")["epoch"].min()
        for start in starts.iloc[1:]:
            ax.axvline(start - 0.5, color=FAINT, linewidth=1, zorder=0)
        if len(starts) > 1 and value == "loss":
            ends = curve.groupby("stage")["epoch"].max()
            for stage, middle in ((starts + ends) / 2).items():
                ax.annotate(f"stage {stage}", (middle, 0.97), xycoords=("data", "axes fraction"), ha="center",
                            va="top", color=FAINT, fontsize=small())  # fmt: skip
    ax.grid(axis="y")
    ax.margins(x=0.06)


def roc_curves(points: pd.DataFrame, areas: pd.DataFrame) -> Figure:
    """ROC curves: sensitivity against the share of false alarms, for every threshold at once.

    points   network, curve (the positive class, or with several "Benign against the rest" …: it heads the panel
             where there are several), false_positive_rate, true_positive_rate
    areas    network, value, low, high: the AUROC of the legend (macro over classes where there are several);
             low and high NaN where there is no interval

    One panel a curve. Colour is the network; the diagonal is guessing.
    """
    curves = list(dict.fromkeys(points["curve"]))
    across = min(2, len(curves))
    down = -(-len(curves) // across)
    width = NARROW if across == 1 else WIDE
    networks = list(dict.fromkeys(points["network"]))
    with paper(width):
        side = (width - 0.6) / across
        fig = blank(width, side * down + 0.6 + 0.27 * len(networks))
        axes = fig.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
        for ax, name in zip(axes, curves, strict=False):
            ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (1, 3)))
            for network in networks:
                line = points[(points["network"] == network) & (points["curve"] == name)]
                ax.plot(line["false_positive_rate"], line["true_positive_rate"], color=color_of(network))
            ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=TICKS, yticks=TICKS)
            if len(curves) > 1:
                ax.set_title(broken(name, 26))
        for ax in axes[len(curves) :]:
            ax.set_visible(False)
        fig.supxlabel("1 − specificity (false alarms)", fontsize="medium")
        fig.supylabel("sensitivity", fontsize="medium")
        handles = [
            axes[0].plot([], [], color=color_of(network), label=_area(network, areas))[0] for network in networks
        ]
        fig.legend(handles=handles, loc="outside upper left", ncols=1)
    return fig


def _area(network: str, areas: pd.DataFrame) -> str:
    row = areas[areas["network"] == network]
    if row.empty or not np.isfinite(row["value"].iloc[0]):
        return network
    value, low, high = (float(row[name].iloc[0]) for name in ("value", "low", "high"))
    bounds = f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else " (no interval)"
    return f"{network}: AUROC {value:.2f}{bounds}"
