"""Two networks on the same images: what pairs them, the interval of their difference, and its p.

The pairing is what gives a small test part its power: a difficult patient is difficult for both networks and
cancels out. A permutation asks how far apart they would be if their names meant nothing.
"""

from collections.abc import Sequence

import numpy as np

from . import weighted
from .distributions import mean_ranks, normal_quantile
from .scores import Part, log_odds
from .uncertainty import LEVEL, Interval


def pair(a: Part, b: Part, name_a: str, name_b: str) -> tuple[Part, Part]:
    """The two parts with the seeds that both have, after making sure that they speak of the same images.

    Raises ValueError when images, labels or groups differ, or no seed is common.
    """
    if not np.array_equal(a.image_ids, b.image_ids):
        only_a = len(np.setdiff1d(a.image_ids, b.image_ids))
        only_b = len(np.setdiff1d(b.image_ids, a.image_ids))
        raise ValueError(
            f"compare: {name_a} and {name_b} answered different images ({only_a} only the first, {only_b} "
            f"only the second); a paired comparison needs the same part of the same split"
        )
    if not np.array_equal(a.truth, b.truth) or not np.array_equal(a.groups, b.groups):
        raise ValueError(f"compare: {name_a} and {name_b} disagree on labels or groups; predict both from one manifest")
    common = [seed for seed in a.seeds if seed in b.seeds]
    if not common:
        raise ValueError(f"compare: no common seed; {name_a} has {a.seeds}, {name_b} has {b.seeds}")
    kept = [part.logits[[part.seeds.index(seed) for seed in common]] for part in (a, b)]
    return a._replace(seeds=common, logits=kept[0]), b._replace(seeds=common, logits=kept[1])


def difference_bounds(
    values: Sequence[np.ndarray], bounds: Sequence[Interval], *, alike: bool, n_groups: int
) -> tuple[float, float]:
    """Interval of the difference of two scores on the same groups, or (NaN, NaN) where either score has none.

    values    float64 (1 + B,) of each network, the score itself and then its draws, the same draws for both
    bounds    the interval of each score
    alike     both gave the very same answers: they cannot differ, and the interval is the difference alone
    n_groups  how many groups bear on the score

    Half the width is that of the two intervals, less what they have in common: h² = h_a² + h_b² - 2 r h_a h_b with r
    the correlation of the draws (after Zou and Donner 2008; symmetric, so that it closes on the difference where two
    networks agree in nearly everything). Two networks that differ in no draw may still differ in patients not
    yet seen: then the upper Wilson bound of "0 of n groups" stands in.
    """
    gaps = values[0] - values[1]
    if alike:
        return float(gaps[0]), float(gaps[0])
    if not np.isfinite([*bounds[0][:2], *bounds[1][:2]]).all():
        return float("nan"), float("nan")
    kept = np.isfinite(gaps)
    if np.ptp(gaps[kept]) < 1e-12:
        z = normal_quantile(0.5 + LEVEL / 2)
        reach = z**2 / (n_groups + z**2)
        return float(gaps[0] - reach), float(gaps[0] + reach)
    half = [(found.high - found.low) / 2 for found in bounds]
    draws = [table[kept][1:] for table in values]
    still = min(np.std(table) for table in draws) < 1e-12
    shared = 0.0 if still else float(np.corrcoef(*draws)[0, 1])
    reach = max(0.0, half[0] ** 2 + half[1] ** 2 - 2 * shared * half[0] * half[1]) ** 0.5
    return max(-1.0, float(gaps[0] - reach)), min(1.0, float(gaps[0] + reach))


def swap_p(
    a: Part,
    b: Part,
    group_of_row: np.ndarray,
    classes: Sequence[str],
    positive: str | None,
    metric: str,
    n_permutations: int,
    seed: int,
) -> float:
    """Two-sided p of a permutation: in each shuffle the two networks' answers change places in some groups.

    A shuffle is a weighting of the two answers laid end to end, 1 for the one that counts, 0 for the other.
    Scores become ranks within each network first, because networks differ in the scale of their logits.

    group_of_row   int (N,); a swap takes all images of a group, and all seeds

    Returns (1 + shuffles at least as far from 0 as the observed difference) / (1 + shuffles); NaN where the
    metric is not defined.
    """
    n_groups = int(group_of_row.max()) + 1
    kept = np.random.default_rng([seed, 1]).integers(0, 2, size=(n_permutations, n_groups)).astype(float)
    kept = np.vstack([np.ones(n_groups), kept])  # the first row swaps nothing: the difference as observed
    both = np.concatenate([group_of_row, group_of_row + n_groups])
    truth = np.concatenate([a.truth, a.truth])
    gaps = []
    for sheet_a, sheet_b in zip(a.logits, b.logits, strict=True):
        pred = np.concatenate([sheet_a.argmax(1), sheet_b.argmax(1)])
        ranks = np.vstack([mean_ranks(log_odds(sheet), axis=0) for sheet in (sheet_a, sheet_b)])
        first, second = (
            weighted.all_scores(truth, pred, ranks, weights, both, classes, positive, [metric])[metric]
            for weights in (np.hstack([kept, 1 - kept]), np.hstack([1 - kept, kept]))
        )
        gaps.append(first - second)
    gap = np.mean(gaps, axis=0)
    if not np.isfinite(gap[0]):
        return float("nan")
    swapped = gap[1:][np.isfinite(gap[1:])]
    return float((1 + np.sum(np.abs(swapped) >= abs(gap[0]) - 1e-12)) / (1 + len(swapped)))
