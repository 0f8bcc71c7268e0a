"""A share or a mean over images, in every draw of groups at once, and the row of scores.csv that comes of it.

What is asked beyond the scores of `score_table` (how sure, how often at this threshold, what is left when the least
sure are handed over) is nearly always a mean among some of the images. It is computed here once, on the same draws and
with the same rule for intervals as every other score.
"""

from typing import Literal

import numpy as np
import pandas as pd

from .scores import COLUMNS
from .uncertainty import group_draws, interval

Kind = Literal["share", "mean", "difference"]


class Draws:
    """Draws of the groups of one part, the first of them the images as they are.

    Made once for all networks that answered the part, so that all are redrawn alike.

    groups, truth   (N,) name of each image's group, and its class: strata as in `uncertainty.group_draws`
    unit            what a group is, for the text of `method`
    """

    def __init__(
        self, groups: np.ndarray, truth: np.ndarray, unit: str = "groups", n_draws: int = 2000, seed: int = 0
    ) -> None:
        drawn, self.group_of_row = group_draws(groups, truth, n_draws, seed)
        self.weights = np.vstack([np.ones(drawn.shape[1]), drawn])
        self.unit = unit

    @property
    def n_groups(self) -> int:
        """Groups in all."""
        return self.weights.shape[1]

    def mean(self, values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        """Weighted mean of `values` in each draw.

        values   float (S, N) or (N,), one sheet a seed: the result is the mean of the sheets' means
        among    the same shape or (N,), weights in [0, 1] of the images that count; None: all

        Returns float64 (1 + draws,); NaN where a draw holds no image that counts.
        """
        values = np.atleast_2d(np.asarray(values, dtype=float))
        among = np.broadcast_to(1.0 if among is None else np.asarray(among, dtype=float), values.shape)
        means = []
        for sheet, counted in zip(values, among, strict=True):
            above, below = (self.weights @ self._by_group(part) for part in (sheet * counted, counted))
            means.append(np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0))
        return np.mean(means, axis=0)

    def bearing(self, among: np.ndarray) -> int:
        """How many groups have an image that counts, in any of the sheets (S, N) or in the one (N,)."""
        counted = np.atleast_2d(among).max(0) > 0
        return len(np.unique(self.group_of_row[counted]))

    def row(
        self,
        metric: str,
        values: np.ndarray,
        among: np.ndarray | None = None,
        *,
        kind: Kind = "share",
        rarest: int | None = None,
    ) -> dict:
        """One row of scores.csv: the first of `values` with the interval that the others give.

        values   float (1 + draws,)
        among    which images bear on it, as in `mean`; None: all
        kind     "share" of images and "mean" of something else lie in [0, 1], a "difference" of two such in [-1, 1]
        rarest   groups of the rarer kind, where two kinds are set against each other
        """
        counted = np.ones(len(self.group_of_row)) if among is None else np.asarray(among, dtype=float)
        value, bearing = float(values[0]), self.bearing(counted)
        n_images = round(float(np.atleast_2d(counted).sum(1).mean()))
        # a difference is moved to [0, 1], where the rule for scores holds and 0 stands in the middle
        moved = (values + 1) / 2 if kind == "difference" else values
        most = n_images if kind == "share" else np.inf  # shares are worth no more independent images than there are
        found = interval(float(moved[0]), moved[1:], n_groups=bearing, rarest=rarest, n_images=most, unit=self.unit)
        low, high = (2 * bound - 1 if kind == "difference" else bound for bound in (found.low, found.high))
        return dict(zip(COLUMNS, (metric, value, low, high, n_images, bearing, found.method), strict=True))

    def plain(self, metric: str, value: float, method: str) -> dict:
        """One row of scores.csv without an interval, and the reason in `method`."""
        nan = float("nan")
        n_images = len(self.group_of_row)
        return dict(zip(COLUMNS, (metric, float(value), nan, nan, n_images, self.n_groups, method), strict=True))

    def _by_group(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.group_of_row, weights=values, minlength=self.n_groups)


def table(rows: list[dict]) -> pd.DataFrame:
    """Rows as a table with the columns of scores.csv that a room fills."""
    return pd.DataFrame(rows, columns=COLUMNS)


def direction(row: dict | pd.Series) -> int:
    """1 where the whole interval lies above 0, -1 where below, 0 where 0 lies inside or there is no interval."""
    return int(row["low"] > 0) - int(row["high"] < 0)
