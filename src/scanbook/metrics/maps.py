"""Is a map evidence? How alike two maps are, whether one marks the lesion, and the one rule that lets it pass.

A map is an array of cells, not negative. Its values have no unit that two networks share, so maps are compared by the
order of their cells. Every limit is written here once and is ours, because the sources that propose the questions
(Adebayo et al. 2018, Petsiuk et al. 2018) state none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .distributions import mean_ranks
from .redrawn import Draws, Kind

LIMIT = 0.5
"""Rank correlation above which two maps are taken for the same picture: a quarter of the order is then shared."""


class Check(NamedTuple):
    """A question to a map: the metric that answers it, and the words for each way it can end."""

    metric: str
    asked: str
    allowed: str
    failed: str
    doubtful: str


CHECKS = {
    check.metric: check
    for check in (
        Check("map_randomised", "weights drawn anew, all layers", f"below {LIMIT}",
              "it hardly changes when the weights are drawn anew",
              "whether it changes when the weights are drawn anew"),
        Check("map_shuffled", "another network, trained on shuffled labels", f"below {LIMIT}",
              "a network trained on shuffled labels gives much the same map",
              "whether a network trained on shuffled labels gives another map"),
        Check("map_edges", "an edge detector", f"below {LIMIT}", "it is much what an edge detector shows",
              "whether it is more than an edge detector shows"),
        Check("map_blob", "a blob in the middle", f"below {LIMIT}", "it is much like a blob in the middle",
              "whether it is more than a blob in the middle"),
        Check("map_deletion", "taking out what it marks, against taking out as much at random", "above 0",
              "taking out what it marks costs the answer less than taking out as much at random",
              "whether what it marks matters more to the answer than as much at random"),
    )
}  # fmt: skip
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("map_pointing", "map_pointing_edges", "map_pointing_blob"), "share"),
    **dict.fromkeys(("map_pointing_chance", "map_energy", "map_energy_chance"), "mean"),
}  # all others are differences, or correlations, which lie between -1 and 1 like them
OUTCOMES = ("passed", "failed", "cannot tell", "not run")
STATES = ("shown as evidence", "fails", "not shown as evidence")
POINTS = ("more often than chance", "less often than chance", "cannot tell")


def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of the cells of two maps, image by image.

    a, b  (N, h, w) each

    Returns float64 (N,), -1 to 1; 0 where one of the two is flat, because what marks nothing resembles nothing.
    Raises ValueError where the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"likeness: maps of shape {a.shape} and {b.shape}; bring both to the same cells")
    ranks = [mean_ranks(m.reshape(len(m), -1), axis=1) for m in (a, b)]
    centred = [r - r.mean(1, keepdims=True) for r in ranks]
    sizes = np.sqrt((centred[0] ** 2).sum(1) * (centred[1] ** 2).sum(1))
    return np.divide((centred[0] * centred[1]).sum(1), sizes, out=np.zeros(len(a)), where=sizes > 0)


def in_cells(masks: np.ndarray, cells: int) -> np.ndarray:
    """How much of each cell a mask covers.

    masks  float or bool (N, S, S), 0 to 1; S at least `cells`

    Returns float64 (N, cells, cells), 0 to 1. Where S is no multiple of `cells`, cells differ by a pixel.
    """
    side = masks.shape[-1]
    edges = np.rint(np.linspace(0, side, cells + 1)).astype(int)
    sums = np.add.reduceat(np.add.reduceat(masks.astype(float), edges[:-1], axis=1), edges[:-1], axis=2)
    return sums / np.outer(np.diff(edges), np.diff(edges))


def pointing(maps: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """The pointing game (Zhang et al. 2016), by cells: does the map's highest cell touch the lesion?

    maps     (N, h, w)
    covered  (N, h, w), how much of each cell is lesion, as `in_cells` gives it

    Returns float64 (N,): 1 or 0; where several cells are highest, the share of them that touch it. A flat map so
    scores what a finger put down at random would.
    """
    highest = maps >= maps.max((1, 2), keepdims=True)
    return (highest & (covered > 0)).sum((1, 2)) / highest.sum((1, 2))


def energy(maps: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Share of a map's sum that lies inside the lesion (Wang et al. 2020), cells counted by how much of them is lesion.

    Returns float64 (N,), 0 to 1; for a map of zeros the lesion's share of the image, as if it were spread evenly.
    """
    total = maps.sum((1, 2))
    inside = (maps * covered).sum((1, 2))
    return np.where(total > 0, inside / np.where(total > 0, total, 1), covered.mean((1, 2)))


def rows_of(
    found: Mapping[str, np.ndarray], groups: Sequence[str], labels: Sequence[str], unit: str = "groups"
) -> list[dict[str, Any]]:
    """Means over the images with their 95 % intervals, groups redrawn alike for all of them.

    found   metric -> (N,), one number an image; shares and means of `KINDS` lie in [0, 1], all others in [-1, 1]
    groups  (N,) what stays together; labels (N,) the classes within which groups are redrawn

    Returns rows with metric, value, low, high, n_images, n_groups, method.
    """
    draws = Draws(np.asarray(groups), np.asarray(labels), unit)
    return [draws.row(name, draws.mean(values), kind=KINDS.get(name, "difference")) for name, values in found.items()]


def outcome(metric: str, low: float, high: float) -> str:
    """How a check ended, by the whole interval: passed, failed or cannot tell.

    Likeness passes below `LIMIT` and fails above it; deletion passes above 0 and fails below it.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return "cannot tell"
    if metric == "map_deletion":
        return "passed" if low > 0 else "failed" if high < 0 else "cannot tell"
    return "passed" if high < LIMIT else "failed" if low > LIMIT else "cannot tell"


def judge(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One network's checks, each with its outcome; those of `CHECKS` that have no row were not run.

    rows  as `rows_of` gives them; metrics that are no check are left out

    Returns metric, check, value, low, high, allowed, outcome, n_images, n_groups, method.
    """
    given = {row["metric"]: row for row in rows}
    nothing = {"value": np.nan, "low": np.nan, "high": np.nan, "n_images": 0, "n_groups": 0, "method": "not run"}
    found = []
    for metric, check in CHECKS.items():
        row = given.get(metric, nothing)
        ended = outcome(metric, row["low"], row["high"]) if metric in given else "not run"
        found.append({**row, "metric": metric, "check": check.asked, "allowed": check.allowed, "outcome": ended})
    return pd.DataFrame(found)[["metric", "check", "value", "low", "high", "allowed", "outcome", "n_images", "n_groups",
                                "method"]]  # fmt: skip


def verdict(checks: pd.DataFrame, network: str, *, guessing: bool = False) -> tuple[str, str]:
    """One of `STATES`, and the sentence that says so and why.

    checks    as `judge` returns them. One failed check is enough to fail; all must have passed to be evidence
    guessing  one cannot tell the network's answers from guessing: then its map may be its own, but is evidence of nothing
    """
    ended = {name: list(checks.loc[checks["outcome"] == name, "metric"]) for name in OUTCOMES}
    if ended["failed"]:
        why = ", and ".join(CHECKS[metric].failed for metric in ended["failed"])
        return STATES[1], f"The map of {network} fails: {why}."
    if len(ended["passed"]) == len(CHECKS) and guessing:
        why = f"it passed all {len(CHECKS)} checks, but one cannot tell the network's answers from guessing"
        return STATES[2], f"The map of {network} is not shown as evidence: {why}."
    if len(ended["passed"]) == len(CHECKS):
        return STATES[0], f"The map of {network} is shown as evidence: it passed all {len(CHECKS)} checks."
    reasons = [f"one cannot tell {CHECKS[metric].doubtful}" for metric in ended["cannot tell"]]
    if ended["not run"]:
        reasons.append("not run in this profile: " + ", ".join(CHECKS[metric].asked for metric in ended["not run"]))
    return STATES[2], f"The map of {network} is not shown as evidence here: {'; '.join(reasons)}."


def points(low: float, high: float) -> str:
    """One of `POINTS`, for the interval of hits minus what a finger put down at random would hit."""
    return POINTS[0] if low > 0 else POINTS[1] if high < 0 else POINTS[2]
