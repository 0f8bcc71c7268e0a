"""How sure a score is: patients are redrawn, never single images.

Two frames of one heart are not two pieces of evidence, so a draw of the bootstrap takes whole groups, with
replacement, and keeps how many groups show which classes. All draws are one matrix of weights, (draws,
groups): every score of every network is then computed for all draws at once, on the same draws.
"""

from typing import NamedTuple

import numpy as np

from .distributions import t_quantile

MIN_GROUPS = 10
"""Below this no interval is given: in docs/results/coverage.csv it would say next to nothing, or miss too often."""

MIN_RAREST = 5
"""Groups of the rarest class, below which none is given either: t of so few degrees of freedom spans half the scale."""

LEVEL = 0.95


class Interval(NamedTuple):
    """Bounds of an interval (NaN where there is none) and how it was made, or why there is none."""

    low: float
    high: float
    method: str


def group_draws(
    groups: np.ndarray, labels: np.ndarray, n_draws: int = 2000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw groups with replacement, within each stratum; a stratum is the set of classes that a group shows.

    Because every stratum keeps its size, no class is ever missing from a draw, and because groups are taken
    in the order of their names, the order of the rows does not matter.

    groups  (N,) names of what stays together
    labels  (N,) class of each image, names or numbers

    Returns weights float64 (n_draws, G), how often each group was drawn, G in the order of the sorted
    names; and group_of_row int64 (N,), the column of each image's group. Raises ValueError when the two
    differ in length or are empty.
    """
    groups, labels = np.asarray(groups).astype(str), np.asarray(labels)
    if len(groups) != len(labels) or len(groups) == 0:
        raise ValueError(
            f"group_draws: {len(groups)} groups and {len(labels)} labels; give one of each for every image, "
            f"and at least one image"
        )
    names, group_of_row = np.unique(groups, return_inverse=True)
    classes, class_of_row = np.unique(labels, return_inverse=True)
    shows = np.zeros((len(names), len(classes)), dtype=bool)
    shows[group_of_row, class_of_row] = True
    _, first, stratum_of = np.unique(shows, axis=0, return_index=True, return_inverse=True)
    stratum_of = stratum_of.reshape(-1)
    rng = np.random.default_rng(seed)
    weights = np.empty((n_draws, len(names)))
    for stratum in np.argsort(first):  # by their first group, however the classes are coded
        members = np.flatnonzero(stratum_of == stratum)
        size = len(members)
        drawn = rng.integers(0, size, size=(n_draws, size)) + size * np.arange(n_draws)[:, None]
        weights[:, members] = np.bincount(drawn.ravel(), minlength=n_draws * size).reshape(n_draws, size)
    return weights, group_of_row


def group_weights(groups: np.ndarray, labels: np.ndarray, n_draws: int = 2000, seed: int = 0) -> np.ndarray:
    """Weight of every image in every draw: `group_draws`, one column an image instead of one a group.

    Returns float64 (n_draws, N): 0 where the image's group was not drawn, 2 where it was drawn twice.
    """
    weights, group_of_row = group_draws(groups, labels, n_draws, seed)
    return weights[:, group_of_row]


def wilson(successes: float, n: float, level: float = LEVEL, df: float = np.inf) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927): stays inside 0 to 1 and has a width at 0 and
    100 %.

    successes, n   counts, n above 0; neither need be whole
    df             degrees of freedom of t, which takes the normal's place where n was estimated from few groups

    Returns (low, high) in [0, 1].
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"wilson: {successes:g} of {n:g}; needs n above 0 and 0 <= successes <= n")
    z = t_quantile(0.5 + level / 2, df)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def percentile(draws: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Middle `level` of the draws that are defined; (NaN, NaN) when none is."""
    draws = draws[np.isfinite(draws)]
    if len(draws) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(draws, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def interval(
    value: float,
    draws: np.ndarray,
    *,
    n_groups: int,
    rarest: int | None = None,
    n_images: float = np.inf,
    unit: str = "groups",
) -> Interval:
    """Interval of one score from its draws, or the reason why there is none.

    value     the score on the images themselves
    draws     float64 (B,), the score in each draw of groups
    n_groups  how many groups bear on this score: for a sensitivity those with a sick image, for an AUROC all
    rarest    of these, how many show the rarest class; None: the score is about one class, or about none
    n_images  images that bear on it; they cannot count for more independent ones than they are
    unit      what a group is, for the text: patients, blocks, images

    The rule (why: docs/methods.md, "Intervals"): the spread of the draws says how many independent images
    the groups are worth, value (1 - value) / variance, and Wilson's interval is taken at that number, with t
    of rarest - 1 degrees of freedom. The variance is that of the draws times m / (m - 1), m being `rarest`, because a
    draw from m groups spreads that much less than m groups from the world do. At 0 or 100 % the draws have
    no spread, and every group counts as one image. A score outside 0 to 1 (a loss) has no such form and gets
    value ± t times the spread.

    There is none for a score that is not defined, with fewer than `MIN_GROUPS` groups or `MIN_RAREST` of the rarest
    class, where more than a tenth of the draws is not defined, and where all draws agree elsewhere than at
    0 or 100 % (a network that always answers the same).
    """
    nan = float("nan")
    rarest = n_groups if rarest is None else rarest
    if not np.isfinite(value):
        return Interval(nan, nan, "not defined")
    if n_groups < MIN_GROUPS:
        return Interval(nan, nan, f"no interval: {n_groups} {unit}, fewer than {MIN_GROUPS}")
    if rarest < MIN_RAREST:
        return Interval(nan, nan, f"no interval: {rarest} {unit} of the rarest class, fewer than {MIN_RAREST}")
    defined = draws[np.isfinite(draws)]
    if len(defined) < 0.9 * len(draws):
        share = 100 * (1 - len(defined) / len(draws))
        return Interval(nan, nan, f"no interval: not defined in {share:.0f} % of the draws")
    df = rarest - 1
    if min(abs(value), abs(1 - value)) < 1e-12:
        low, high = wilson(round(value) * n_groups, n_groups, df=df)
        return Interval(low, high, f"Wilson on {n_groups} {unit}: at {100 * value:.0f} % the draws do not spread")
    if np.ptp(defined) < 1e-12:
        return Interval(nan, nan, "no interval: every draw gives the same value")
    variance = float(np.var(defined, ddof=1)) * rarest / df
    method = f"bootstrap over {n_groups} {unit}, {len(draws):,} draws; t of {df} degrees of freedom"
    if not 0 < value < 1:
        half = t_quantile(0.5 + LEVEL / 2, df) * variance**0.5
        return Interval(value - half, value + half, method)
    worth = min(value * (1 - value) / variance, n_images)
    return Interval(*wilson(value * worth, worth, df=df), method)
