"""How often does a 95 % interval hold the truth? Measured where the truth is known, rule by rule.

    python -m benchmarks.coverage [--sims 1000] [--table docs/results/coverage.csv]

Scores are drawn for two networks whose AUROC is known, on groups (patients) half or a fifth of whom are ill, with one
image each or with four that resemble each other (correlated at 0.7; the two networks at 0.5). In each simulated test
part every rule gives its interval for the AUROC, for a share of right answers (accuracy; for a sensitivity read the row
with as many groups as are ill), and for the difference of two AUROCs (equal, and one level of the list apart). The table
has, by rule, how often the interval held the truth among those given, how wide it was, and how often one was given.
"ours" is what the code does now (`metrics.uncertainty.interval`, `metrics.paired.difference_bounds`), the others are
what one might do instead:

    percentile   the middle 95 % of the draws
    bca          the same, corrected for bias and acceleration (Efron 1987), groups left out one by one
    delong       Obuchowski's closed form on the logit scale, with t of the groups of the rarer class less one
    t            value ± t times the spread of the draws (differences)
    mover        the two scores' intervals joined side by side (Zou and Donner 2008; differences)
    wilson       on all images, as if they were independent (shares)
    effective    Wilson's at the number of images that the spread is worth, with the normal's 1.96 (shares)

With many groups fewer parts are simulated (column sims), for time. About ten minutes on one core.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from scanbook.metrics.paired import difference_bounds
from scanbook.metrics.uncertainty import MIN_GROUPS, MIN_RAREST, Interval, group_draws, interval, percentile, wilson

TRUTHS = np.array([0.70, 0.80, 0.90, 0.95, 0.99])
GROUPS = (10, 20, 30, 60, 100, 300, 1000)
ALIKE = 0.7  # correlation of two images of one group
SHARED = 0.5  # of two networks' scores
NONE = (np.nan, np.nan)
Bounds = tuple[float, float]


def stratum(rng: np.random.Generator, n_draws: int, size: int) -> np.ndarray:
    """How often each of `size` groups is drawn: (n_draws, size), as `group_draws` gives it."""
    names = np.arange(size).astype(str)
    return group_draws(names, np.zeros(size), n_draws, int(rng.integers(2**31)))[0].astype(np.float32)


def answers(rng: np.random.Generator, n_groups: int, images: int) -> np.ndarray:
    """Scores of two networks before any shift: float32 (2, n_groups, images), standard normal."""
    alike = ALIKE if images > 1 else 0.0
    group, image = rng.normal(size=(3, n_groups, 1)), rng.normal(size=(3, n_groups, images))
    both, first, second = np.sqrt(alike) * group + np.sqrt(1 - alike) * image
    return np.stack([np.sqrt(SHARED) * both + np.sqrt(1 - SHARED) * own for own in (first, second)]).astype(np.float32)


def won(sick: np.ndarray, well: np.ndarray) -> np.ndarray:
    """Pairs of images ranked rightly, by pair of groups: float32 (sick groups, well groups)."""
    pairs = sick.reshape(-1, 1) > well.reshape(1, -1)
    return pairs.reshape(len(sick), sick.shape[1], len(well), well.shape[1]).sum((1, 3), dtype=np.float32)


def bca(value: float, draws: np.ndarray, left_out: np.ndarray) -> Bounds:
    """Bias-corrected and accelerated bounds (Efron 1987)."""
    if np.ptp(draws) < 1e-12:
        return NONE
    below = (np.mean(draws < value - 1e-9) + np.mean(draws < value + 1e-9)) / 2
    bias = norm.ppf(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    steps = left_out.mean() - left_out
    bend = (steps**3).sum() / (6 * (steps**2).sum() ** 1.5 + 1e-300)
    z = bias + norm.ppf([0.025, 0.975])
    low, high = np.quantile(draws, norm.cdf(bias + z / (1 - bend * z)))
    return float(low), float(high)


def logit(value: float, error: float, df: int) -> Bounds:
    """Bounds on the logit scale; none at 0 and 1, where it has no end."""
    if error <= 0 or not 0 < value < 1:
        return NONE
    middle, half = np.log(value / (1 - value)), t.ppf(0.975, df) * error / (value * (1 - value))
    return tuple(1 / (1 + np.exp(-(middle + side * half))) for side in (-1, 1))


def mover(values: list[float], bounds: list[Interval], shared: float) -> Bounds:
    """Bounds of a difference, side by side."""
    (a, b), (x, y) = values, bounds
    down, up = ((a - x.low, y.high - b), (x.high - a, b - y.low))
    below, above = (max(0.0, p**2 + q**2 - 2 * shared * p * q) ** 0.5 for p, q in (down, up))
    return a - b - below, a - b + above


def of_areas(n_groups: int, images: int, share: float, sims: int, n_draws: int) -> list[dict]:
    """Every rule on AUROCs and their differences, in `sims` simulated test parts."""
    ill = round(share * n_groups)
    well, df, n_images = n_groups - ill, ill - 1, n_groups * images
    rng = np.random.default_rng([n_groups, images, ill])
    shifts = (norm.ppf(TRUTHS) * np.sqrt(2)).astype(np.float32)
    found: list[tuple] = []
    for turn in range(sims):
        if turn % 50 == 0:
            drawn = stratum(rng, n_draws, ill), stratum(rng, n_draws, well)
        sick, healthy = answers(rng, ill, images), answers(rng, well, images)
        table: dict[tuple[int, int], tuple[float, np.ndarray, Interval]] = {}
        for network in (0, 1):
            for level, shift in enumerate(shifts):
                pairs = won(sick[network] + shift, healthy[network])
                value = float(pairs.sum() / pairs.size) / images**2
                draws = np.einsum("bj,bj->b", drawn[0] @ pairs, drawn[1]).astype(float) / (pairs.size * images**2)
                rows, columns = pairs.mean(1) / images**2, pairs.mean(0) / images**2
                error = float(np.var(rows, ddof=1) / ill + np.var(columns, ddof=1) / well) ** 0.5
                left_out = np.r_[value - (rows - value) / (ill - 1), value - (columns - value) / (well - 1)]
                ours = interval(value, draws, n_groups=n_groups, rarest=min(ill, well), n_images=n_images)
                table[network, level] = value, draws, ours
                rules = {"percentile": percentile(draws), "bca": bca(value, draws, left_out),
                         "delong": logit(value, error, df), "ours": ours[:2]}  # fmt: skip
                found += [("AUROC", level, TRUTHS[level], rule, *bounds) for rule, bounds in rules.items()]
        for level in range(len(TRUTHS)):
            for what, other in (("difference, none", level), ("difference, one level", level - 1)):
                if other < 0:
                    continue
                (a, drawn_a, of_a), (b, drawn_b, of_b) = table[0, level], table[1, other]
                still = min(np.std(drawn_a), np.std(drawn_b)) < 1e-12
                shared = 0.0 if still else float(np.corrcoef(drawn_a, drawn_b)[0, 1])
                values = [np.r_[v, d] for v, d in ((a, drawn_a), (b, drawn_b))]
                half = t.ppf(0.975, df) * float(np.std(drawn_a - drawn_b, ddof=1)) * (ill / df) ** 0.5
                rules = {
                    "percentile": percentile(drawn_a - drawn_b), "t": (a - b - half, a - b + half),
                    "mover": mover([a, b], [of_a, of_b], shared),
                    "ours": difference_bounds(values, [of_a, of_b], alike=False, n_groups=n_groups),
                }  # fmt: skip
                gap = TRUTHS[level] - TRUTHS[other]
                found += [(what, level, gap, rule, *bounds) for rule, bounds in rules.items()]
    return summed(found, n_groups, images, share, sims)


def of_shares(n_groups: int, images: int, sims: int, n_draws: int) -> list[dict]:
    """Every rule on shares of right answers."""
    rng = np.random.default_rng([n_groups, images, 1])
    weights, n_images = stratum(rng, n_draws, n_groups), n_groups * images
    found: list[tuple] = []
    for _ in range(sims):
        answer = answers(rng, n_groups, images)[0]
        for level, truth in enumerate(TRUTHS):
            right = (answer < norm.ppf(truth)).mean(1)
            value, draws = float(right.mean()), (weights @ right / n_groups).astype(float)
            variance = float(np.var(right, ddof=1)) / n_groups
            worth = min(value * (1 - value) / variance, n_images) if variance > 0 else n_groups
            rules = {
                "percentile": percentile(draws), "bca": bca(value, draws, (value * n_groups - right) / (n_groups - 1)),
                "wilson": wilson(value * n_images, n_images), "effective": wilson(value * worth, worth),
                "ours": interval(value, draws, n_groups=n_groups, n_images=n_images)[:2],
            }  # fmt: skip
            found += [("share", level, truth, rule, *bounds) for rule, bounds in rules.items()]
    return summed(found, n_groups, images, 1.0, sims)


def summed(found: list[tuple], n_groups: int, images: int, share: float, sims: int) -> list[dict]:
    """Rows of the table: one a score, true value and rule."""
    table = pd.DataFrame(found, columns=["what", "level", "truth", "rule", "low", "high"])
    rows = []
    for (what, level, rule), part in table.groupby(["what", "level", "rule"], sort=False):
        given = part[np.isfinite(part["low"])]
        held = (given["low"] <= given["truth"] + 1e-9) & (given["truth"] - 1e-9 <= given["high"])
        rows.append({
            "score": what, "images": images, "ill": share, "groups": n_groups, "truth": TRUTHS[level], "rule": rule,
            "covered": round(held.mean(), 3) if len(given) else np.nan, "given": round(len(given) / len(part), 3),
            "width": round((given["high"] - given["low"]).mean(), 3), "sims": sims,
        })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sims", type=int, default=1000, help="simulated test parts a cell, up to 100 groups")
    parser.add_argument("--groups", nargs="+", type=int, default=list(GROUPS))
    parser.add_argument("--table", type=Path, default=Path("docs/results/coverage.csv"))
    asked = parser.parse_args()
    rows = []
    for n_groups in asked.groups:
        sims = max(1, asked.sims // (1 if n_groups <= 100 else 2 if n_groups <= 300 else 8))
        for images in (1, 4):
            began = time.time()
            rows += of_shares(n_groups, images, asked.sims, 1000)
            for share in (0.5, 0.2) if MIN_RAREST / 0.2 <= n_groups <= 300 else (0.5,):
                rows += of_areas(n_groups, images, share, sims, 1000 if n_groups <= 100 else 500)
            print(f"{n_groups} groups of {images}: {time.time() - began:.0f} s", flush=True)
            asked.table.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_csv(asked.table, index=False)
    table = pd.DataFrame(rows)
    print(f"no interval below {MIN_GROUPS} groups or {MIN_RAREST} of the rarest class")
    for (score, images, share), part in table.groupby(["score", "images", "ill"], sort=False):
        print(f"\n{score}, {images} image(s) a group, {share:.0%} ill")
        print(part.pivot_table(index="rule", columns=["groups", "truth"], values="covered").to_string())


if __name__ == "__main__":
    main()
