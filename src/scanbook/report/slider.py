"""Two confusion matrices that follow a threshold.

What stands in the HTML is the threshold chosen on validation and what it gave, a plain table each. Where the page's
script runs (`theme/slider.js`) a slider appears above them and moves both; in print, without scripts and in a notebook the
tables stay as they are. The scores travel in the page, sorted and without names; nothing is requested.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from .style import FAMILIES
from .words import written

REACH = 9.99
"""Log-odds beyond it are kept at it: the slider ends long before, at a probability of 0.001 and 0.999."""
CELLS = ("true_positives", "false_negatives", "false_positives", "true_negatives")
TITLE = "Every threshold has its price"


@dataclass(frozen=True)
class Moved:
    """One network under the slider.

    key         the arm, as scores.csv calls it
    name        the network, as it is read
    ill, well   float (S, n): log-odds of the positive class of the images that are and are not of it, a sheet a seed
    chosen      log-odds of the thresholds, one a run
    threshold   their mean as a probability
    counts      mean over seeds at the chosen thresholds, by CELLS
    rates       sensitivity and specificity there: value, low, high
    variant     under which scores.csv holds them
    """

    key: str
    name: str
    ill: np.ndarray
    well: np.ndarray
    chosen: Sequence[float]
    threshold: float
    counts: Mapping[str, float]
    rates: Mapping[str, tuple[float, float, float]]
    variant: str


class Slider:
    """The confusion matrices of some networks, and what a script needs to move them.

    networks         those that stand beside each other
    positive, rest   how the class that is looked for and the others are called
    """

    def __init__(self, networks: Sequence[Moved], positive: str, rest: str) -> None:
        self.networks, self.positive, self.rest = list(networks), positive, rest

    def _repr_html_(self) -> str:
        data = json.dumps([_data(one) for one in self.networks], separators=(",", ":"))
        words = (
            f"An image whose probability of {self.positive} is at or above the threshold is called {self.positive}. The "
            f"threshold was chosen on validation images; the tables say what it gave on the test part, with 95 % intervals."
        )
        return (
            f'<section class="threshold" aria-label="{TITLE}" data-threshold="{escape(data)}" '
            f'data-positive="{escape(self.positive)}">'
            f'<p class="threshold-words"><strong>{TITLE}.</strong> {escape(words)}</p>'
            f'<div class="threshold-control" hidden></div>'
            f'<div class="threshold-networks">{"".join(map(self._network, self.networks))}</div></section>'
        )

    def _network(self, one: Moved) -> str:
        family = next((name for name in FAMILIES if name in one.key or name in one.name.lower()), "")
        tone = f" tone-{family if family in ('resnet', 'vgg') else 'source'}"

        def src(metric: str) -> str:
            return f'data-src="scores.csv:{escape(one.key)}:{metric}:test:{escape(one.variant)}"'

        def cell(name: str, among: float) -> str:
            share = 100 * one.counts[name] / among if among else 0
            shown = written(one.counts[name], 1 if len(one.ill) > 1 else 0)
            look = f"text-align:right;--share:{share:.0f}%"
            return f'<td class="num" data-cell="{name}" style="{look}" {src(name)}>{shown}</td>'

        ill, well = (sum(one.counts[name] for name in pair) for pair in (CELLS[:2], CELLS[2:]))
        names = (self.positive, self.rest)
        called = "".join(f'<th scope="col" class="num">called {escape(name)}</th>' for name in names)
        body = "".join(
            f'<tr><th scope="row">{escape(name)}</th>{"".join(cell(part, among) for part in pair)}</tr>'
            for name, pair, among in ((self.positive, CELLS[:2], ill), (self.rest, CELLS[2:], well))
        )
        rates = "".join(
            f'<div><dt>{name}</dt><dd data-rate="{name}" {src(name)}>{_with_bounds(*one.rates[name])}</dd></div>'
            for name in ("sensitivity", "specificity")
        )
        runs = f", on the mean of {len(one.chosen)} runs, each with its own" if len(one.chosen) > 1 else ""
        at = f"at {one.threshold:.3f}, chosen on validation{runs}"
        return (
            f'<div class="threshold-network{tone}" data-network="{escape(one.key)}">'
            f'<div class="table-scroll"><table data-src="scores.csv"><caption><strong>{escape(one.name)}</strong> '
            f'<span class="threshold-at" {src("threshold")}>{at}</span></caption>'
            f"<thead><tr><td></td>{called}</tr></thead><tbody>{body}</tbody></table></div>"
            f'<dl class="numbers">{rates}</dl></div>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [f"{TITLE}: {self.positive} against {self.rest}, at thresholds chosen on validation."]
        for one in self.networks:
            cells = ", ".join(f"{written(one.counts[name], 0)} {name.replace('_', ' ')}" for name in CELLS)
            rates = ", ".join(f"{name} {_with_bounds(*bounds)}" for name, bounds in one.rates.items())
            lines.append(f"{one.name} at {one.threshold:.3f}: {rates}; {cells}.")
        return "\n".join(lines)


def _data(one: Moved) -> dict[str, Any]:
    def ranked(scores: np.ndarray) -> list[float]:
        return np.sort(np.round(np.clip(scores, -REACH, REACH), 3), axis=None).tolist()

    marks = [round(float(np.clip(cut, -REACH, REACH)), 3) for cut in one.chosen]
    return {"key": one.key, "name": one.name, "seeds": len(one.ill), "ill": ranked(one.ill), "well": ranked(one.well),
            "chosen": marks}  # fmt: skip


def _with_bounds(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "not defined"
    return f"{value:.3f}" + ("" if np.isnan(low) else f" ({low:.3f}–{high:.3f})")
