"""Which test images a reader is asked about, and what the networks answered to them.

Someone who has looked at eight images knows what a score is about. The images are dealt by a hash of their names, the
same number of every class, and in every class at least half come from those that the networks found harder: a quiz of
easy images would flatter everybody.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scanbook import evidence
from scanbook.metrics.scores import as_part, class_probs
from scanbook.names import PAIR

if TYPE_CHECKING:
    from scanbook.study import Study

METRIC = "quiz_accuracy"


@dataclass(frozen=True)
class Quiz:
    """The images of one quiz and the networks' answers.

    images  image_id, group, label; for each arm in `arms` a column with its answer and ARM_probability, the probability
            it gave to that answer
    arms    the networks that answered
    scores  for each arm the share of these images it has right, as rows of scores.csv
    """

    images: pd.DataFrame
    arms: list[str]
    scores: pd.DataFrame


def of(study: "Study") -> Quiz:
    """The quiz of one study: `evidence.quiz` test images, answers averaged over seeds. No arm finished: no images."""
    arms = study.done_arms(*PAIR)
    if not arms:
        return Quiz(pd.DataFrame(columns=["image_id", "group", "label"]), [], pd.DataFrame(columns=evidence.COLUMNS))
    probs, table = {}, pd.DataFrame()
    for arm in arms:
        predictions = study.test_predictions(arm)
        part = as_part(predictions, study.classes)
        by_row = predictions.assign(p=list(class_probs(predictions, study.classes)))
        mean = by_row.groupby("image_id")["p"].agg(lambda rows: np.mean(list(rows), axis=0))
        probs[arm] = np.stack([mean[image_id] for image_id in part.image_ids])
        table = pd.DataFrame({"image_id": part.image_ids, "group": part.groups, "truth": part.truth})
    truth = table["truth"].to_numpy()
    doubt = 1 - np.mean([p[np.arange(len(truth)), truth] for p in probs.values()], axis=0)
    rows = pick(table["image_id"], table["group"], truth, doubt, study.experiment.evidence.quiz)
    found = table.loc[rows, ["image_id", "group"]].assign(label=np.array(study.classes)[truth[rows]])
    scores = []
    for arm, p in probs.items():
        found = found.assign(**{arm: np.array(study.classes)[p[rows].argmax(1)], f"{arm}_probability": p[rows].max(1)})
        right = float((found[arm] == found["label"]).mean())
        row = {"metric": METRIC, "value": right, "low": np.nan, "high": np.nan, "n_images": len(found),
               "n_groups": found["group"].nunique(), "method": "chosen images, not a sample"}  # fmt: skip
        scores.append(evidence.rows(study, arm, pd.DataFrame([row])))
    return Quiz(found.reset_index(drop=True), arms, pd.concat(scores, ignore_index=True))


def pick(
    names: Sequence[str], groups: Sequence[str], labels: np.ndarray, doubt: np.ndarray, n: int, seed: int = 0
) -> np.ndarray:
    """Rows of n images: as many of every class as of any other, give or take one, in an order that tells nothing.

    names   str (N,), whose hash with `seed` decides
    groups  str (N,); a class shows each group once while it has others
    labels  int (N,), the class of each image
    doubt   float (N,) in [0, 1]: how little the networks gave the true class
    n       images wanted; fewer where a class has fewer

    Returns int (n,). In every class at least half of the images are of the half with more doubt.
    """
    rank = np.array([hashlib.sha256(f"quiz/{seed}/{name}".encode()).hexdigest() for name in names])
    classes = list(np.unique(labels))
    seats = [n // len(classes) + (k < n % len(classes)) for k in range(len(classes))]
    chosen: list[int] = []
    for label, wanted in zip(classes, seats, strict=True):
        own = np.flatnonzero(labels == label)
        own = own[np.argsort(rank[own], kind="stable")]
        hard = doubt[own] >= np.median(doubt[own])
        taken: list[int] = []
        pools = ((own[hard], (wanted + 1) // 2), (own[~hard], wanted), (own, wanted))
        for pool, most in ((of.tolist(), most) for of, most in pools):
            seen = {groups[i] for i in taken}
            fresh = [i for i in pool if i not in taken]
            once = []  # the first of each group, then the others
            for i in fresh:
                if groups[i] not in seen:
                    once.append(i)
                    seen.add(groups[i])
            taken += [*once, *(i for i in fresh if i not in once)][: max(0, most - len(taken))]
        chosen += taken
    return np.array(sorted(chosen, key=lambda i: rank[i][::-1]), int)
