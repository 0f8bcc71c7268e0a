"""Drawings of how something works."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from ..style import INK, NARROW, PAPER, blank, color_of, paper, small


def residual_block() -> Figure:
    """The bottleneck block of ResNet-50: three convolutions beside a connection that skips them.

    After He et al. 2016 (table 1, figure 5): 1×1 to fewer channels, 3×3, 1×1 back to four times as many,
    each with batch normalisation; the input is added before the last ReLU. The numbers are those of the
    first of four stages.
    """
    blue = color_of("resnet18")
    steps = [
        ("1×1 convolution", "256 → 64 channels"),
        ("3×3 convolution", "64 → 64 channels"),
        ("1×1 convolution", "64 → 256 channels"),
    ]
    with paper(NARROW):
        fig = blank(NARROW, 5.6)
        ax = fig.subplots()
        ax.set(xlim=(-2.3, 3.3), ylim=(-1.35, 9.15))
        ax.axis("off")
        ax.text(0, 9.0, "input x: 256 channels", ha="center", va="top", fontweight="bold")
        _arrow(ax, (0, 8.55), (0, 7.75))
        for n, (name, channels) in enumerate(steps):
            top = 7.7 - 2.3 * n
            _box(ax, top, name, channels, blue)
            last = n == len(steps) - 1
            text = "batch norm" if last else "batch norm, ReLU"
            _arrow(ax, (0, top - 1.2), (0, top - (2.0 if last else 2.25)))
            ax.text(0.12, top - 1.68, text, va="center", color=INK, fontsize=small())
        plus = 0.75
        ax.add_patch(Circle((0, plus), 0.3, facecolor=PAPER, edgecolor=INK, linewidth=1.5))
        ax.text(0, plus, "+", ha="center", va="center", fontsize="x-large")
        ax.plot([0, 2.15, 2.15], [8.2, 8.2, plus], color=INK, linewidth=2)
        _arrow(ax, (2.15, plus), (0.36, plus), 2)
        ax.text(2.3, 4.5, "skip:\nx goes on\nunchanged", va="center", fontsize="medium")
        ax.plot([0], [8.2], "o", color=INK, ms=5)
        _arrow(ax, (0, plus - 0.32), (0, -0.55))
        ax.text(0.12, 0.05, "ReLU", va="center", fontsize=small())
        ax.text(0, -0.65, "F(x) + x: 256 channels", ha="center", va="top", fontweight="bold")
    return fig


def _box(ax: Axes, top: float, name: str, channels: str, colour: str) -> None:
    ax.add_patch(
        FancyBboxPatch((-1.5, top - 1.15), 3, 1.1, boxstyle="round,pad=0,rounding_size=0.12", facecolor=PAPER,
                       edgecolor=colour, linewidth=2)
    )  # fmt: skip
    ax.text(0, top - 0.38, name, ha="center", va="center", fontweight="bold")
    ax.text(0, top - 0.82, channels, ha="center", va="center", fontsize=small())


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], width: float = 1.3) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": width, "shrinkA": 0, "shrinkB": 0})
