"""Predictions in, scores out: each with its interval, or the reason why it has none.

A table of predictions is trusted with nothing: labels that are not classes, images that come twice, two
parts or two networks in one table are refused, because each of them gives a number that looks like a
result. Scores come from differences of logits, not from rounded probabilities, so that a confident
network's images are not all tied at 1.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import pandas as pd

from . import weighted
from .uncertainty import group_draws, interval

COLUMNS = ["metric", "value", "low", "high", "n_images", "n_groups", "method"]  # of every table of scores

ONE_OF_EACH = ("split", "scheme", "arm", "network", "variant")


class Part(NamedTuple):
    """Predictions of one network on one part, as arrays; rows sorted by image_id, the same for every seed."""

    image_ids: np.ndarray  # str (N,)
    groups: np.ndarray  # str (N,)
    truth: np.ndarray  # int64 (N,), index into the classes
    seeds: list[int]
    logits: np.ndarray  # float64 (S, N, K), one sheet a seed


def as_part(predictions: pd.DataFrame, classes: Sequence[str]) -> Part:
    """Check a table of predictions and turn it into arrays.

    predictions  one row per image, fold and seed: image_id, group, label, logit_<class>… and, where
                 present, seed and the columns in `ONE_OF_EACH`. The rows of several folds together hold
                 each image once.

    Raises ValueError for missing columns, no rows, labels that are no class, logits that are not finite,
    several parts (networks, schemes …) in one table, an image that comes twice for one seed, or seeds on
    different images.
    """
    columns = [f"logit_{name}" for name in classes]
    missing = [name for name in ["image_id", "group", "label", *columns] if name not in predictions]
    if missing:
        raise ValueError(f"predictions: no column {', '.join(missing)}; found {', '.join(map(str, predictions))}")
    if predictions.empty:
        raise ValueError("predictions: no rows; choose a part (train, val, test) that holds images")
    for name in ONE_OF_EACH:
        if name in predictions and predictions[name].nunique(dropna=False) > 1:
            found = ", ".join(map(repr, sorted(map(str, predictions[name].unique()))))
            raise ValueError(f"predictions: several values of {name} ({found}); choose one before scoring")
    strangers = sorted(set(map(str, predictions["label"])) - set(classes))
    if strangers:
        raise ValueError(f"predictions: label {', '.join(strangers)} is none of the classes {', '.join(classes)}")
    if not np.isfinite(predictions[columns].to_numpy(dtype=float)).all():
        raise ValueError("predictions: a logit is missing or infinite; that run's training failed, leave it out")

    seeds = sorted(predictions["seed"].unique()) if "seed" in predictions else [0]
    sheets: list[pd.DataFrame] = []
    for seed in seeds:
        rows = predictions[predictions["seed"] == seed] if "seed" in predictions else predictions
        rows = rows.sort_values("image_id", kind="stable")
        twice = rows["image_id"][rows["image_id"].duplicated()]
        if len(twice):
            raise ValueError(
                f"predictions: image {twice.iloc[0]!r} comes twice for seed {seed}; each image counts once"
            )
        if sheets and not np.array_equal(rows["image_id"], sheets[0]["image_id"]):
            raise ValueError(f"predictions: seeds {seeds[0]} and {seed} hold different images; score them one by one")
        sheets.append(rows)
    index = {name: k for k, name in enumerate(classes)}
    return Part(
        sheets[0]["image_id"].to_numpy(dtype=str),
        sheets[0]["group"].to_numpy(dtype=str),
        np.array([index[str(label)] for label in sheets[0]["label"]], dtype=np.int64),
        [int(seed) for seed in seeds],
        np.stack([rows[columns].to_numpy(dtype=float) for rows in sheets]),
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis, float64, safe for any finite logits."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def log_odds(logits: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of each class, without rounding p to 1: ranks images as the probability does.

    logits   float (…, K); returns the same shape.
    """
    columns = []
    for k in range(logits.shape[-1]):
        rest = np.delete(logits, k, axis=-1)
        top = rest.max(-1, keepdims=True)
        columns.append(logits[..., k] - top[..., 0] - np.log(np.exp(rest - top).sum(-1)))
    return np.stack(columns, axis=-1)


def class_probs(predictions: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Softmax of the logits, float64 (N, K), rows as in the table and columns as in `classes`."""
    return softmax(predictions[[f"logit_{name}" for name in classes]].to_numpy(dtype=float))


def confusion(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Counts of images, truth (rows) by predicted class (columns: the class with the largest logit).

    predictions   one network, one part, one seed
    """
    part = as_part(predictions, classes)
    if len(part.seeds) > 1:
        raise ValueError(
            f"confusion: seeds {part.seeds} in one table; images would count several times, choose one seed"
        )
    cells = weighted.counts(part.truth, part.logits[0].argmax(1), len(classes), np.zeros(len(part.truth), dtype=int))
    index = pd.Index(classes, name="truth")
    return pd.DataFrame(cells[0].astype(int), index=index, columns=pd.Index(classes, name="predicted"))


def roc_points(predictions: pd.DataFrame, classes: Sequence[str], positive: str | None = None) -> pd.DataFrame:
    """Points of the ROC curve: of the positive class, or with more than two classes of each against the rest.

    Returns columns curve (its name), false_positive_rate, true_positive_rate, from (0, 0) to (1, 1); one
    seed. A class without images, or without others to set against, has no curve.
    """
    part = as_part(predictions, classes)
    if len(part.seeds) > 1:
        raise ValueError(f"roc_points: seeds {part.seeds} in one table; choose one seed")
    scores = log_odds(part.logits[0])
    tables = []
    for k in [_index(classes, positive)] if len(classes) == 2 else range(len(classes)):
        hit = part.truth == k
        if hit.all() or not hit.any():
            continue
        order = np.argsort(-scores[:, k], kind="stable")
        ranked = scores[order, k]
        last = np.r_[ranked[1:] != ranked[:-1], True]  # one point per distinct score, so ties become a slope
        true_rate = np.r_[0.0, np.cumsum(hit[order])[last] / hit.sum()]
        false_rate = np.r_[0.0, np.cumsum(~hit[order])[last] / (~hit).sum()]
        name = classes[k] if len(classes) == 2 else f"{classes[k]} against the rest"
        curve = {"curve": name, "false_positive_rate": false_rate, "true_positive_rate": true_rate}
        tables.append(pd.DataFrame(curve))
    return (
        pd.concat(tables, ignore_index=True)
        if tables
        else pd.DataFrame(columns=["curve", "false_positive_rate", "true_positive_rate"])
    )


def score_table(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    positive: str | None = None,
    *,
    n_draws: int = 2000,
    seed: int = 0,
    unit: str = "groups",
) -> pd.DataFrame:
    """Every score of one network on one part, each with a 95 % interval.

    predictions  one network, one part; the folds of a cross-validation together are one part. With several
                 seeds the score is the mean over seeds, on the images themselves and in every draw of
                 groups alike.
    positive     the positive class, needed with two classes
    unit         what a group is, for the text of `method`: patients, blocks, images

    Returns one row per metric: metric, value, low, high, n_images, n_groups, method. `method` says how the
    interval was made, or why there is none, or why the score itself is not defined (value NaN).
    """
    part = as_part(predictions, classes)
    if len(classes) == 2:
        _index(classes, positive)
    draws, group_of_row = group_draws(part.groups, part.truth, n_draws, seed)
    weights = np.vstack([np.ones(draws.shape[1]), draws])  # the first row is the score itself
    table = mean_scores(part, weights, group_of_row, classes, positive)
    rows = []
    for metric, values in table.items():
        value = float(values[0])
        bounds = interval(value, values[1:], **evidence_of(metric, part, group_of_row, classes, positive), unit=unit)
        method = bounds.method if np.isfinite(value) else _why_not(metric, part, classes, positive)
        rows.append((metric, value, bounds.low, bounds.high, len(part.truth), draws.shape[1], method))
    return pd.DataFrame(rows, columns=COLUMNS)


def mean_scores(
    part: Part,
    weights: np.ndarray,
    group_of_row: np.ndarray,
    classes: Sequence[str],
    positive: str | None,
    metrics: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Mean over the part's seeds of every score for every weighting: float64 (B,) by metric."""
    each = [
        weighted.all_scores(
            part.truth, sheet.argmax(1), log_odds(sheet), weights, group_of_row, classes, positive, metrics
        )
        for sheet in part.logits
    ]
    return {name: np.mean([table[name] for table in each], axis=0) for name in each[0]}


def _index(classes: Sequence[str], positive: str | None) -> int:
    if positive not in classes:
        raise ValueError(f"positive: {positive!r} is none of the classes {', '.join(classes)}; name one of the two")
    return list(classes).index(str(positive))


class Rest(TypedDict):
    """How much bears on a score; the arguments of `uncertainty.interval` that are called so."""

    n_groups: int
    rarest: int
    n_images: int


def evidence_of(
    metric: str, part: Part, group_of_row: np.ndarray, classes: Sequence[str], positive: str | None
) -> Rest:
    """What a score rests on, as `uncertainty.interval` asks: n_groups, rarest, n_images.

    All groups and images, or those that show (or are given) one class. A score that sets classes against
    each other or averages over them is as sure as its rarest class; an accuracy and a rate within one class
    count each group alike.
    """
    if metric.startswith("recall_"):
        rows = part.truth == list(classes).index(metric.removeprefix("recall_"))
    elif len(classes) == 2 and metric in ("sensitivity", "specificity"):
        rows = (part.truth == _index(classes, positive)) == (metric == "sensitivity")
    elif len(classes) == 2 and metric == "precision":
        rows = (part.logits.argmax(2) == _index(classes, positive)).all(0)
    else:
        rows = np.ones(len(part.truth), dtype=bool)
    n_groups = len(np.unique(group_of_row[rows]))
    rarest = n_groups
    if rows.all() and metric != "accuracy":
        rarest = min(len(np.unique(group_of_row[part.truth == k])) for k in range(len(classes)))
    return {"n_groups": n_groups, "rarest": rarest, "n_images": int(rows.sum())}


def _why_not(metric: str, part: Part, classes: Sequence[str], positive: str | None) -> str:
    absent = [name for k, name in enumerate(classes) if not (part.truth == k).any()]
    if absent and len(classes) == 2:
        return "not defined: one class only"
    if absent:
        return f"not defined: no image of {', '.join(absent)}"
    return f"not defined: no image was predicted {positive}"
