"""One thing beside another: networks by score, results by claim, differences by question."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..style import (
    FAINT,
    GRID,
    INK,
    PAPER,
    WIDE,
    blank,
    broken,
    color_of,
    legend_columns,
    metric_label,
    number,
    paper,
    small,
)

ROW = 0.25


def scores_forest(scores: pd.DataFrame) -> Figure:
    """Every score of every network with its interval; one band a metric.

    scores   network, metric, value, low, high; low and high NaN draw the point alone

    A score that is not defined leaves its place empty.
    """
    rows = scores.assign(row=[metric_label(name) for name in scores["metric"]])
    return _forest(rows, None, "score, 95 % interval")


def assignment_forest(scores: pd.DataFrame, claims: pd.DataFrame | None = None, metric: str = "accuracy") -> Figure:
    """All assignments in one figure: networks with intervals, and what the sources claim as diamonds.

    scores   assignment, network, value, low, high
    claims   assignment, claim, comparable: a hollow diamond where the two measure different things
    """
    marks = None if claims is None else claims.rename(columns={"assignment": "row"})
    return _forest(scores.assign(row=scores["assignment"]), marks, f"{metric_label(metric)}, 95 % interval")


def claim_ladder(steps: pd.DataFrame, metric: str = "accuracy") -> Figure:
    """Claimed, split as the source splits, honest: the same score under each, with what it says.

    steps   step (in the order to be read), network ("" for a claim: it belongs to no run of ours), value,
            low, high
    """
    runs = steps[steps["network"] != ""].assign(row=lambda t: t["step"])
    claimed = steps[steps["network"] == ""].assign(row=lambda t: t["step"], claim=lambda t: t["value"], comparable=True)
    order = list(dict.fromkeys(steps["step"]))
    return _forest(runs, claimed, f"{metric_label(metric)}, 95 % interval", order=order, numbers=True)


def named_forest(scores: pd.DataFrame, metric: str) -> Figure:
    """One score of many networks and rules, each named at its row.

    scores   network, value, low, high, in the order to be read
    """
    return _forest(scores.assign(row=scores["network"]), None, f"{metric_label(metric)}, 95 % interval", numbers=True,
                   legend=False)  # fmt: skip


def _forest(
    rows: pd.DataFrame,
    claims: pd.DataFrame | None,
    xlabel: str,
    *,
    order: list[str] | None = None,
    numbers: bool = False,
    legend: bool = True,
) -> Figure:
    order = list(dict.fromkeys(rows["row"])) if order is None else order
    networks = list(dict.fromkeys(rows["network"]))
    present = {name: [n for n in networks if n in set(rows.loc[rows["row"] == name, "network"])] for name in order}
    with paper(WIDE):
        bands = [max(1, len(present[name])) for name in order]
        fig = blank(WIDE, 0.95 + ROW * (sum(bands) + 0.7 * len(order)))
        ax = fig.subplots()
        place, middles = 0.0, []
        for band, (name, size) in enumerate(zip(order, bands, strict=True)):
            middles.append(place + (size - 1) / 2)
            if band % 2 == 0:
                ax.axhspan(place - 0.85, place + size - 0.15, color=GRID, alpha=0.45, linewidth=0, zorder=0)
            for offset, network in enumerate(present[name]):
                here = rows[(rows["row"] == name) & (rows["network"] == network)].iloc[0]
                _dot(ax, here, place + offset, network, numbers)
            if claims is not None:
                for _, claim in claims[claims["row"] == name].iterrows():
                    _claim(ax, claim, middles[-1], size, numbers)
            place += size + 0.7
        ax.set_yticks(middles, [broken(name, 20) for name in order])
        ax.set(xlim=(0, 1.02), ylim=(place - 0.7 - 0.15, -0.85), xlabel=xlabel)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x")
        if legend:
            handles = _legend(networks, claims)
            across = legend_columns([str(handle.get_label()) for handle in handles])
            fig.legend(handles=handles, loc="outside upper center", ncols=across, columnspacing=1.2, handletextpad=0.4)
    return fig


def _dot(ax: Axes, row: pd.Series, place: float, network: str, numbers: bool) -> None:
    colour, known = color_of(network), np.isfinite(row["low"])
    if known:
        ax.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
    ax.plot([row["value"]], [place], "o", color=colour, ms=6.5, mec=PAPER, mew=0.8)
    if numbers and np.isfinite(row["value"]):
        edge = row["low"] if known else row["value"]
        ax.annotate(number(row["value"]), (edge, place), xytext=(-7, 0), textcoords="offset points", ha="right",
                    va="center", fontsize=small())  # fmt: skip


def _claim(ax: Axes, claim: pd.Series, place: float, size: int, numbers: bool) -> None:
    fill = INK if claim["comparable"] else PAPER
    ax.plot([claim["claim"]] * 2, [place - size / 2, place + size / 2], color=INK, linewidth=1, zorder=1)
    ax.plot([claim["claim"]], [place], "D", ms=7, mfc=fill, mec=INK, mew=1.3, zorder=4)
    if numbers:
        ax.annotate(number(claim["claim"]), (claim["claim"], place), xytext=(-9, 0), textcoords="offset points",
                    ha="right", va="center", fontsize=small())  # fmt: skip


def _legend(networks: list[str], claims: pd.DataFrame | None) -> list[Line2D]:
    handles = [Line2D([], [], marker="o", color=color_of(name), label=name, ms=6.5, mec=PAPER) for name in networks]
    for comparable, text in ((True, "claimed"), (False, "claimed, not comparable")):
        if claims is not None and (claims["comparable"].astype(bool) == comparable).any():
            fill = INK if comparable else PAPER
            handles.append(Line2D([], [], marker="D", color="none", mfc=fill, mec=INK, ms=7, label=text))
    return handles


def differences_forest(comparisons: pd.DataFrame) -> Figure:
    """Paired differences with intervals and verdicts; the shaded band is the margin within which nothing matters.

    comparisons   rows of comparisons.csv: question (an assignment's name serves as well), a, b, metric, difference,
                  low, high, margin, verdict

    Right of zero the first network is better. Without interval the point stands alone. Networks and metric stand
    under the axis where all rows share them, else beside each row.
    """
    pairs = [f"{row['a']} minus {row['b']}" for _, row in comparisons.iterrows()]
    metrics = list(dict.fromkeys(metric_label(name) for name in comparisons["metric"]))
    questions = list(comparisons["question"]) if "question" in comparisons else [""] * len(pairs)
    alike = len(set(pairs)) == 1 and all(questions)
    names = [broken(q, 24) if alike else "\n".join(filter(None, (broken(q, 24), broken(pair, 24))))
             for q, pair in zip(questions, pairs, strict=True)]  # fmt: skip
    heights = [max(0.5, 0.21 * (name.count("\n") + 1) + 0.14) for name in names]
    places = np.cumsum(heights) - np.array(heights) / 2
    with paper(WIDE):
        fig = blank(WIDE, 0.8 + sum(heights))
        ax = fig.subplots()
        known = comparisons[["difference", "low", "high", "margin"]].to_numpy(dtype=float)
        reach = 1.15 * max(0.05, float(np.nanmax(np.abs(known))))
        for (_, row), place in zip(comparisons.iterrows(), places, strict=True):
            if row["margin"] > 0:
                ax.fill_between([-row["margin"], row["margin"]], place - 0.18, place + 0.18, color=GRID, linewidth=0)
            colour = color_of(row["a"] if row["difference"] >= 0 else row["b"])
            if np.isfinite(row["low"]):
                ax.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2.4, solid_capstyle="butt")
            ax.plot([row["difference"]], [place], "o", color=colour, ms=7, mec=PAPER, mew=0.8)
            ax.annotate(row["verdict"], (reach, place), xytext=(6, 0), textcoords="offset points", va="center",
                        annotation_clip=False)  # fmt: skip
        ax.axvline(0, color=FAINT, linewidth=1, zorder=1)
        ax.set_yticks(places, names)
        label = f"{', '.join(metrics)}: {pairs[0]}" if alike else f"difference in {', '.join(metrics)}"
        ax.set(xlim=(-reach, reach), ylim=(sum(heights), 0), xlabel=broken(f"{label}, 95 % interval", 52))
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
        ax.grid(axis="x")
    return fig


def cost_table(costs: pd.DataFrame) -> pd.DataFrame:
    """What each network costs, in the units that people use; columns that are missing are left out.

    costs   network, and any of parameters, trainable (counts), seconds (training in all), epochs,
            images_per_second, megabytes (of the saved weights), and scores by name
    """
    table = pd.DataFrame({"network": costs["network"]})
    for column, name in (("parameters", "parameters, millions"), ("trainable", "trained, millions")):
        if column in costs:
            table[name] = costs[column] / 1e6
    if "seconds" in costs:
        table["training, s"] = costs["seconds"]
        if "epochs" in costs:
            table["s an epoch"] = costs["seconds"] / costs["epochs"].where(costs["epochs"] > 0)
    if "images_per_second" in costs:
        table["images a second"] = costs["images_per_second"].round()
    if "megabytes" in costs:
        table["weights, MB"] = costs["megabytes"]
    known = {"network", "parameters", "trainable", "seconds", "epochs", "images_per_second", "megabytes"}
    for column in costs.columns:
        if column not in known:
            table[metric_label(str(column))] = costs[column]
    return table
