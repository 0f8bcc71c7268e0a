"""How much there is of what: classes in the parts, by image and by patient."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from ..style import CLASS_GREYS, INK, WIDE, blank, paper, small

HATCHES = ("", "", "", "//", "..")


def class_balance(counts: pd.DataFrame, unit: str = "patients") -> Figure:
    """Classes in every part, images on the left and groups on the right, because the two can tell different
    stories.

    counts   split, label, n_images, n_groups; one row per part and class
    unit     what a group is: patients, blocks

    Classes are greys, since colour means network. Where a group is one image the right panel is left out.
    """
    splits, labels = list(dict.fromkeys(counts["split"])), list(dict.fromkeys(counts["label"]))
    panels = [("n_images", "images")]
    if not (counts["n_images"] == counts["n_groups"]).all():
        panels.append(("n_groups", unit))
    table = counts.set_index(["split", "label"])
    with paper(WIDE):
        fig = blank(WIDE, 0.9 + len(splits) * (0.28 * len(labels) + 0.15))
        axes = fig.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        height = 0.84 / len(labels)
        for ax, (column, name) in zip(axes, panels, strict=True):
            for k, label in enumerate(labels):
                values = [table[column].get((split, label), 0) for split in splits]
                places = [s + (k - (len(labels) - 1) / 2) * height for s in range(len(splits))]
                bars = ax.barh(places, values, 0.92 * height, label=label, edgecolor=INK, linewidth=0.6,
                               color=CLASS_GREYS[k % 5], hatch=HATCHES[k % 5])  # fmt: skip
                ax.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=small())
            ax.set_yticks(range(len(splits)), splits)
            ax.set_ylim(len(splits) - 0.5, -0.5)
            ax.set_xlim(0, 1.2 * max(1, counts[column].max()))
            ax.set_xlabel(f"number of {name}")
            ax.tick_params(axis="y", length=0)
            ax.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
            ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        handles, names = axes[0].get_legend_handles_labels()
        fig.legend(handles, names, loc="outside upper center", ncols=min(4, len(labels)), columnspacing=1.2)
    return fig
