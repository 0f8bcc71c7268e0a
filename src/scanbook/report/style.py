"""One look for every figure: colour means network, line style means part.

Figures are drawn on light paper in both themes of the page: images, colours and thin lines were chosen
against one ground and are legible on it, whatever surrounds the card. Nothing here touches matplotlib's
global settings; every figure is drawn and saved inside `paper()`.
"""

import contextlib
import re
import textwrap
from collections.abc import Iterator

import matplotlib as mpl
import seaborn as sns
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

PAPER = "#ffffff"
INK = "#1f2328"
FAINT = "#8a9199"
GRID = "#e3e6ea"
CLASS_GREYS = ("#c9cfd6", "#7d8792", "#3f4750", "#a3b8c2", "#5d6a61")
"""Classes are greys, from light to dark, because colour is taken by the networks."""

LINES = {"train": ":", "val": "-", "test": "--"}

# Okabe and Ito's palette, told apart by the colour blind; black is left for claims, grey for rules.
FAMILIES = {
    "resnet": "#0072b2",
    "vgg": "#d55e00",
    "densenet": "#009e73",
    "mobilenet": "#cc79a7",
    "separable": "#b58900",
    "small": "#56b4e9",
}
DEPTHS = {19: 0.7, 34: 0.7, 50: 0.7, 101: 0.5, 152: 0.4, 161: 0.75, 169: 0.75, 201: 0.6}
"""How much of the colour's lightness is kept, by layers; the shallowest of each family keeps all."""

RULE = "#6e7781"
OTHER = ("#8c564b", "#5e4fa2", "#66711f")
WIDE = 6.4
NARROW = 4.4

METRICS = {"auroc": "AUROC", "f1": "F1"}


def color_of(network: str) -> str:
    """Colour of a network, as a hex string, the same in every figure and on every page.

    The family decides (ResNet blue, VGG vermilion …); within a family deeper networks are darker, so that
    ResNet-18 and ResNet-101 can be told apart. Takes the name in the code or in print: resnet18, ResNet-18.
    Rules without training (majority, border …) are grey; a network of another family gets one of three more
    colours.
    """
    name = re.sub(r"[^a-z0-9]", "", network.lower())
    for family, base in FAMILIES.items():
        if family in name:
            digits = re.search(rf"{family}v?(\d+)", name)
            return _shade(base, DEPTHS.get(int(digits.group(1)), 1.0) if digits else 1.0)
    if re.search(r"majority|size|border|grey|nearest|1nn|rule|probe", name):
        return RULE
    return OTHER[sum(map(ord, name)) % len(OTHER)]


def _shade(base: str, keep: float) -> str:
    red, green, blue = to_rgb(base)
    return to_hex((keep * red, keep * green, keep * blue))


def metric_label(metric: str) -> str:
    """A metric's key as an axis says it: auroc → AUROC, recall_benign → recall of benign."""
    return METRICS.get(metric) or metric.replace("recall_", "recall of ").replace("_", " ")


def number(value: float, digits: int = 2) -> str:
    """A rate in a figure: 0.93, 1.00, or a dash where it is not defined."""
    return "–" if value != value else f"{value:.{digits}f}"


def readable(ground: str | tuple[float, float, float, float]) -> str:
    """Dark or white ink, whichever has more contrast on this ground (WCAG 2, relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(ground)]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (light + 0.05) > (light + 0.05) / 0.065 else INK


def broken(text: str, letters: int) -> str:
    """The text in lines of at most this many letters, broken at spaces only."""
    return "\n".join(textwrap.wrap(str(text), letters, break_long_words=False, break_on_hyphens=False)) or str(text)


def legend_columns(names: list[str], letters: int = 60) -> int:
    """How many entries of a legend fit side by side on a wide figure, at most three."""
    longest = max((len(name) + 6 for name in names), default=1)
    return max(1, min(3, len(names), letters // longest))


def small() -> float:
    """Size of the small print of the figure being drawn, in points."""
    return 0.9 * float(mpl.rcParams["font.size"])


@contextlib.contextmanager
def paper(width: float = WIDE) -> Iterator[None]:
    """Settings for drawing or saving one figure of this width, in inches; the former ones return afterwards.

    Text grows with the width, because a phone shrinks every figure to its own 350 pixels: 1.75 points an inch
    leave about 9 pixels there.
    """
    size = max(8.5, 1.75 * width)
    settings = {
        **sns.axes_style("ticks"),
        "font.family": ["DejaVu Sans"],
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": 0.95 * size,
        "ytick.labelsize": 0.95 * size,
        "legend.fontsize": 0.95 * size,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": GRID,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.6,
        "figure.facecolor": PAPER,
        "axes.facecolor": PAPER,
        "savefig.facecolor": PAPER,
        "figure.constrained_layout.h_pad": 0.05,
        "figure.constrained_layout.w_pad": 0.05,
        "svg.fonttype": "path",  # the same letters on every machine; a page carries no font
        "svg.hashsalt": "scanbook",
    }
    with mpl.rc_context(settings):
        yield


def blank(width: float, height: float) -> Figure:
    """An empty figure, in inches, unknown to pyplot: nothing shows it twice and nothing has to close it."""
    return Figure(figsize=(width, height), layout="constrained")
