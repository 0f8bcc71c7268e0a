"""Do the probabilities mean what they say: of the images called 0.8, are eight in ten ill?

A network that ranks well can be far too sure of itself. Three things are asked of it: how far what it says lies from
what comes (reliability, ECE), whether that distance is more than chance makes with so few images, and what one number
fitted on the validation part, the temperature (Guo et al. 2017), mends.

ECE is a mean of absolute differences, so it is above 0 for the best of networks, and the more so the fewer the images.
Its bias is therefore estimated and stands beside it: the ECE that a perfectly calibrated network with these very
probabilities would have shown.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from .redrawn import Draws, direction, table
from .scores import Part, softmax

HOTTEST = 20.0
"""Temperatures are looked for from its inverse to this; 20 makes nearly every answer a shrug."""

SIMULATED = 1000
IN_A_BIN = 15
MOST_BINS = 10
VERDICTS = ("too sure", "not sure enough", "not calibrated", "cannot tell")


class Temperature(NamedTuple):
    """The divisor of the logits, and why it is 1 or at a limit where it is."""

    value: float
    why: str


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> Temperature:
    """The one divisor of all logits that makes the truth likeliest (Guo et al. 2017); above 1 it makes less sure.

    logits   float (n, K) of the validation part of one run
    truth    int (n,) in [0, K)

    Without a single wrong answer the likelihood only grows as the temperature falls to 0, which no image supports:
    then it is 1, nothing changes, and `why` says so. Raises ValueError without images.
    """
    if len(truth) == 0:
        raise ValueError("fit_temperature: no images; give the validation part of the run")
    own = logits[np.arange(len(truth)), truth]
    if (own >= logits.max(1)).all():
        return Temperature(1.0, "no wrong answer on validation, so nothing to fit")

    def loss(inverse: float) -> float:  # convex in the inverse, so the minimum found is the only one
        return float(np.mean(logsumexp(inverse * logits, axis=1) - inverse * own))

    found = minimize_scalar(loss, bounds=(1 / HOTTEST, HOTTEST), method="bounded", options={"xatol": 1e-6})
    value = float(1 / found.x)
    at_limit = value > 0.99 * HOTTEST or value < 1.01 / HOTTEST
    return Temperature(value, f"at the limit of {HOTTEST:g}" if at_limit and value > 1 else "")


def said_and_came(logits: np.ndarray, truth: np.ndarray, event: int | None) -> tuple[np.ndarray, np.ndarray]:
    """What is promised of each image, and whether it came.

    logits   float (S, N, K), one sheet a seed
    truth    int (N,)
    event    a class: promised is its probability, and it comes where the truth is that class. None: promised is the
             probability of the likeliest class, and it comes where that is the truth

    Returns float64 and bool, both (S, N).
    """
    probs = softmax(logits)
    if event is None:
        return probs.max(-1), probs.argmax(-1) == truth
    return probs[..., event], np.broadcast_to(truth == event, probs.shape[:2])


def number_of_bins(n_groups: int) -> int:
    """Bins for so many groups: about fifteen groups in each, two bins at least and ten at most."""
    return int(np.clip(n_groups // IN_A_BIN, 2, MOST_BINS))


def bins_of(said: np.ndarray, n_bins: int) -> np.ndarray:
    """Bin of each image, int (N,) from 0: about as many images in each; equal probabilities share one."""
    edges = np.unique(np.quantile(said, np.arange(1, n_bins) / n_bins, method="lower"))
    return np.searchsorted(edges, said, side="left")


def ece(said: np.ndarray, came: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Expected calibration error: mean over bins, by their images, of |share that came - mean of what was said|.

    said   float (N,), came bool (..., N), bins int (N,)

    Returns float64 (...,).
    """
    member = np.eye(int(bins.max()) + 1)[bins]
    return np.abs((came.astype(float) - said) @ member).sum(-1) / len(said)


def if_calibrated(
    said: np.ndarray, bins: list[np.ndarray], group_of_row: np.ndarray, n: int = SIMULATED, seed: int = 0
) -> np.ndarray:
    """ECE of networks that say exactly this and are right about it: float64 (n,), the mean over the sheets of `said`.

    said           float (S, N); bins, one int (N,) for each sheet
    group_of_row   int (N,): one random number decides all images of a group, as they share the patient. With several
                   images a group that is the most chance can do, so a network is accused later rather than sooner
    """
    drawn = np.random.default_rng([seed, 2]).random((n, int(group_of_row.max()) + 1))[:, group_of_row]
    return np.mean([ece(sheet, drawn < sheet, own) for sheet, own in zip(said, bins, strict=True)], axis=0)


def reliability(part: Part, event: int | None, draws: Draws) -> pd.DataFrame:
    """What was said beside what came, bin by bin and seeds together: rows bin_1_said, bin_1_came … of scores.csv.

    Bins are those of the images as they are; in the draws they stay.
    """
    said, came = said_and_came(part.logits, part.truth, event)
    bins = bins_of(said.ravel(), number_of_bins(draws.n_groups)).reshape(said.shape)
    rows = []
    for number, place in enumerate(np.unique(bins), start=1):
        inside = bins == place
        row = draws.row(f"bin_{number}_came", _pooled(draws, came, inside), inside)
        mean = {"metric": f"bin_{number}_said", "value": float(said[inside].mean()), "low": np.nan, "high": np.nan}
        rows += [{**row, **mean, "method": "mean of the probabilities in the bin"}, row]
    return table(rows)


def _pooled(draws: Draws, came: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Share that came inside one bin, the sheets of all seeds laid on one pile."""
    with np.errstate(invalid="ignore"):
        return draws.mean((came * inside).sum(0)) / draws.mean(inside.sum(0))


def brier(logits: np.ndarray, truth: np.ndarray, event: int | None) -> np.ndarray:
    """Brier score of each image, float64 (S, N) in [0, 1], 0 is perfect (Brier 1950, halved).

    With an event, or two classes: the squared difference of its probability from 0 or 1. Otherwise half the sum of
    these over the classes, so that both have one scale.
    """
    probs = softmax(logits)
    if event is not None:
        return (probs[..., event] - (truth == event)) ** 2
    return ((probs - np.eye(logits.shape[-1])[truth]) ** 2).sum(-1) / 2


def calibration(part: Part, event: int | None, draws: Draws) -> pd.DataFrame:
    """How good the probabilities of one network are on one part: rows of scores.csv.

    ece                    no interval of its own: redrawn images make it larger, never smaller
    ece_if_calibrated      its mean, and the range of 95 % of the simulations, for a network that is right about itself
    brier                  with interval
    overconfidence         mean probability of the likeliest class minus the share that is right, -1 to 1, with interval
    """
    said, came = said_and_came(part.logits, part.truth, event)
    bins = [bins_of(sheet, number_of_bins(draws.n_groups)) for sheet in said]
    found = float(np.mean([ece(s, c, b) for s, c, b in zip(said, came, bins, strict=True)]))
    simulated = if_calibrated(said, bins, draws.group_of_row)
    counted = f"{int(bins[0].max()) + 1} bins"
    rows = [draws.plain("ece", found, f"{counted}; no interval: compare ece_if_calibrated")]
    floor = draws.plain("ece_if_calibrated", simulated.mean(), f"{counted}, {SIMULATED:,} simulations: 95 % of them")
    rows.append(floor | dict(zip(("low", "high"), np.percentile(simulated, [2.5, 97.5]).tolist(), strict=True)))
    rows.append(draws.row("brier", draws.mean(brier(part.logits, part.truth, event)), kind="mean"))
    top, right = said_and_came(part.logits, part.truth, None)
    rows.append(draws.row("overconfidence", draws.mean(top - right), kind="difference"))
    return table(rows)


def brier_change(before: Part, after: Part, event: int | None, draws: Draws) -> dict:
    """Brier score after minus before on the same draws, a row of scores.csv; below 0 is better."""
    gap = brier(after.logits, after.truth, event) - brier(before.logits, before.truth, event)
    return draws.row("brier_change", draws.mean(gap), kind="difference")


def verdict(rows: pd.DataFrame) -> str:
    """One of `VERDICTS` from the rows of `calibration`.

    An ECE inside the range of a calibrated network: cannot tell. Above it: too sure, or not sure enough, where the
    interval of the overconfidence leaves 0 out; otherwise not calibrated, in both directions.
    """
    by = rows.set_index("metric")
    if not by.loc["ece", "value"] > by.loc["ece_if_calibrated", "high"]:
        return "cannot tell"
    return {1: "too sure", -1: "not sure enough", 0: "not calibrated"}[direction(by.loc["overconfidence"])]
