"""Two networks, or a result and a claim, in one sentence that can also come out as "cannot tell".

Both networks answered the same images, so the comparison is paired: the same patients are redrawn for both,
and the interval is that of the difference. The sentence has one fixed grammar, so that readers learn it
once and no author can shade it.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from . import weighted
from .paired import difference_bounds, pair, swap_p
from .power import detectable, needed
from .scores import as_part, evidence_of, mean_scores
from .uncertainty import LEVEL, group_draws, interval

METRIC_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "sensitivity": "sensitivity",
    "recall": "mean recall",
    "specificity": "specificity",
    "f1": "F1",
    "auroc": "AUROC",
    "average_precision": "average precision",
}
VERDICTS = ("better", "worse", "equivalent", "cannot tell")


def compare(
    predictions_a: pd.DataFrame,
    predictions_b: pd.DataFrame,
    classes: Sequence[str],
    positive: str | None,
    metric: str,
    margin: float = 0.0,
    *,
    n_draws: int = 2000,
    seed: int = 0,
    name_a: str = "a",
    name_b: str = "b",
    unit: str = "groups",
    assignment: str = "",
    question: str = "",
) -> dict:
    """Compare two networks on the same images: difference a minus b, interval, p and verdict.

    predictions_a, predictions_b  one network each, the same part, the same images; folds together. With
                                  several seeds the mean over the seeds that both have is compared.
    metric                        a name of `weighted.metric_names`
    margin                        differences within ± margin do not matter; 0 states none

    The interval comes from those of the two scores and from what their draws of groups have in common
    (`paired.difference_bounds`). p is that of a permutation by group: in each of `n_draws` shuffles the answers
    of the two networks change places in a random half of the groups. The verdict follows `decide`. Where a score
    has no interval, neither has the difference, and there is no verdict.

    Returns a row of comparisons.csv (assignment, question, a, b, metric, difference, low, high, p, p_holm
    (NaN until `correct` fills it), margin, n_groups, verdict, detectable, needed) with value_a, value_b, seed_sd
    (of the difference, over the seeds; NaN with one), n_images, seeds, unit and sentence. detectable and needed:
    see `power`. Raises ValueError when the images or their labels differ, or no seed is common.
    """
    if metric not in (known := weighted.metric_names(classes)):
        raise ValueError(f"compare: unknown metric {metric!r}; known: {', '.join(known)}")
    if margin < 0:
        raise ValueError(f"compare: margin {margin:g}; a margin is 0 or more, in units of the metric")
    a, b = pair(as_part(predictions_a, classes), as_part(predictions_b, classes), name_a, name_b)
    draws, group_of_row = group_draws(a.groups, a.truth, n_draws, seed)
    weights = np.vstack([np.ones(draws.shape[1]), draws])
    values = [mean_scores(part, weights, group_of_row, classes, positive, [metric])[metric] for part in (a, b)]
    rests = [evidence_of(metric, part, group_of_row, classes, positive) for part in (a, b)]
    bounds = [interval(float(v[0]), v[1:], **rest) for v, rest in zip(values, rests, strict=True)]
    n_bearing, rarest = (min(rest["n_groups"] for rest in rests), min(rest["rarest"] for rest in rests))
    alike = bool(np.array_equal(a.logits, b.logits))
    low, high = difference_bounds(values, bounds, alike=alike, n_groups=n_bearing)
    gap, shown = float(values[0][0] - values[1][0]), detectable((high - low) / 2, max(1, rarest - 1))
    by_seed = [
        np.subtract(*(mean_scores(part._replace(logits=part.logits[[k]], seeds=[0]), weights[:1], group_of_row, classes,
                                  positive, [metric])[metric] for part in (a, b)))[0]
        for k in range(len(a.seeds))
    ]  # fmt: skip
    row = {
        "assignment": assignment,
        "question": question,
        "a": name_a,
        "b": name_b,
        "metric": metric,
        "difference": gap,
        "low": low,
        "high": high,
        "p": swap_p(a, b, group_of_row, classes, positive, metric, n_draws, seed),
        "p_holm": float("nan"),
        "margin": float(margin),
        "n_groups": draws.shape[1],
        "detectable": shown,
        "needed": needed(shown, gap, margin, draws.shape[1]),
        "value_a": float(values[0][0]),
        "value_b": float(values[1][0]),
        "seed_sd": float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else float("nan"),
        "n_images": len(a.truth),
        "seeds": len(a.seeds),
        "unit": unit,
    }
    return _judged(row)


def decide(low: float, high: float, p: float, margin: float) -> str:
    """The one rule, read from top to bottom.

    - no interval: cannot tell
    - the whole interval within ± margin (margin above 0): equivalent, even if 0 lies outside the interval
    - interval above 0, and p (Holm's where there are several comparisons) below 0.05: better
    - interval below 0, and p below 0.05: worse
    - anything else, also interval and p at odds: cannot tell

    The words are about these trained networks on these data, never about architectures as such.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return "cannot tell"
    if margin > 0 and -margin <= low and high <= margin:
        return "equivalent"
    if p < 1 - LEVEL and low > 0:
        return "better"
    if p < 1 - LEVEL and high < 0:
        return "worse"
    return "cannot tell"


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's correction for several comparisons (Holm 1979): float64, same order, NaN stays NaN and is not
    counted.

    The smallest p is multiplied by their number, the next by one less, and so on, never falling and at most
    1.
    """
    p = np.asarray(p_values, dtype=float)
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return corrected


def correct(rows: Sequence[dict]) -> list[dict]:
    """Fill p_holm over all comparisons of a page and judge each again by it; a new list, same order."""
    corrected = holm([row["p"] for row in rows])
    return [_judged({**row, "p_holm": float(p)}) for row, p in zip(rows, corrected, strict=True)]


def against_claim(
    value: float,
    low: float,
    high: float,
    claim: float,
    comparable: bool = True,
    why: str = "",
    *,
    metric: str = "accuracy",
) -> dict:
    """Set a result beside the number that a source claims.

    value, low, high  the result and its 95 % interval (NaN: none), 0 to 1
    claim             the claimed number, 0 to 1
    comparable, why   False, and the reason in a few words (phantoms, another split), where the two measure
                      different things; a reason with comparable=True is refused

    Returns value, low, high, claim, metric, verdict and sentence. verdict: "inside" (the claim lies in the
    interval), "above" (the whole interval lies above the claim), "below", "not comparable", or "cannot
    tell" without interval.
    """
    if comparable == bool(why):
        raise ValueError(f"against_claim: comparable={comparable}, why={why!r}; a reason belongs to False only")
    name = METRIC_NAMES.get(metric, metric.replace("_", " "))
    verdict = "inside" if low <= claim <= high else "above" if low > claim else "below"
    ending = {
        "inside": "the claim lies inside the interval",
        "above": "the result lies above the claim",
        "below": "the result lies below the claim",
    }[verdict]
    bounds = f"95 % interval {low:.3f} to {high:.3f}"
    if not (np.isfinite(low) and np.isfinite(high)):
        verdict, ending, bounds = "cannot tell", "cannot tell", "no interval"
    if not comparable:
        verdict = "not comparable"
        ending = f"not comparable ({why})"
    sentence = f"Claimed {claim:.3f} {name}, here {value:.3f} ({bounds}): {ending}."
    row = {"value": value, "low": low, "high": high, "claim": claim, "metric": metric}
    return {**row, "verdict": verdict, "sentence": sentence}


def signed(value: float) -> str:
    """A difference as a sentence writes it: +0.120, −0.045."""
    return f"{value:+.3f}".replace("-", "−")


def _judged(row: dict) -> dict:
    p = row["p_holm"] if np.isfinite(row["p_holm"]) else row["p"]
    verdict = decide(row["low"], row["high"], p, row["margin"])
    name = METRIC_NAMES.get(row["metric"], row["metric"].replace("_", " "))
    bounds = f"95 % interval {signed(row['low'])} to {signed(row['high'])}"
    if not np.isfinite(row["low"]):
        bounds = "no interval"
    head = f"{row['a']} minus {row['b']}: {signed(row['difference'])} {name}"
    ending = f"equivalent within {row['margin']:.3f}" if verdict == "equivalent" else verdict
    if verdict == "cannot tell" and np.isfinite(row["low"]) and row["low"] * row["high"] > 0:
        ending += " (the interval leaves out 0, the corrected p is not below 0.05)"
    elif verdict == "cannot tell" and np.isfinite(row["needed"]):
        ending += f" (about {row['needed']:,.0f} {row['unit']} would be needed)"
    return {
        **row,
        "verdict": verdict,
        "sentence": f"{head} ({bounds}, {row['n_groups']} {row['unit']}): {ending}",
    }
