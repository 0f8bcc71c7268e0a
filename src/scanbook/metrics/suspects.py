"""Which labels are likeliest wrong: out-of-fold predictions against the labels they were not trained on.

After the confident learning of Northcutt, Jiang and Chuang (2021, Journal of Artificial Intelligence Research 70): a
class is confidently present in an image when its probability reaches the mean that the class has among the images so
labelled; an image in which another class than its own is confidently present, and likelier, is a suspect. A suspect is
a question to whoever can look at the image. Nothing is changed for it, and no network is chosen by it.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .scores import class_probs

COLUMNS = ("image_id", "label", "suggested", "p_label", "p_suggested", "margin")


def find_suspects(predictions: pd.DataFrame, classes: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """The suspects among images that were each predicted once, by a network that had not seen them.

    predictions  one network, one seed, every fold: image_id and logit_<class>…
    classes      names in the order of the logits
    labels       the label to be doubted, one a row

    Returns COLUMNS, the most doubtful first: p_label and p_suggested are probabilities, margin is their difference.
    Raises ValueError where an image comes twice or the numbers of rows and labels differ.
    """
    if len(predictions) != len(labels):
        raise ValueError(f"{len(predictions)} predictions and {len(labels)} labels; give one of each for every image")
    if predictions["image_id"].duplicated().any():
        raise ValueError("an image is predicted more than once; give one seed and one prediction an image")
    probs = class_probs(predictions, classes)
    given = pd.Index(classes).get_indexer(pd.Index(labels))
    if (given < 0).any():
        raise ValueError(f"a label is none of the classes {', '.join(classes)}")
    rows = np.arange(len(given))
    usual = np.array([probs[given == k, k].mean() if (given == k).any() else np.inf for k in range(len(classes))])
    confident = np.where(probs >= usual, probs, -np.inf)
    other = confident.argmax(1)
    margin = probs[rows, other] - probs[rows, given]
    doubtful = np.flatnonzero(np.isfinite(confident.max(1)) & (other != given) & (margin > 0))
    doubtful = doubtful[np.lexsort((predictions["image_id"].to_numpy()[doubtful], -margin[doubtful]))]
    return pd.DataFrame({
        "image_id": predictions["image_id"].to_numpy()[doubtful],
        "label": np.asarray(classes)[given[doubtful]], "suggested": np.asarray(classes)[other[doubtful]],
        "p_label": probs[doubtful, given[doubtful]], "p_suggested": probs[doubtful, other[doubtful]],
        "margin": margin[doubtful],
    }, columns=list(COLUMNS))  # fmt: skip


def recall_and_precision(suspects: pd.DataFrame, wrong: Sequence[str]) -> dict[str, float]:
    """How many of the wrong labels are suspects, and how many suspects are wrong; NaN where there is nothing to count.

    wrong  image_ids whose label is known to be wrong

    Returns found, wrong, suspects (counts), recall and precision.
    """
    found = len(set(suspects["image_id"]) & set(wrong))
    return {
        "found": found, "wrong": len(set(wrong)), "suspects": len(suspects),
        "recall": found / len(set(wrong)) if len(set(wrong)) else float("nan"),
        "precision": found / len(suspects) if len(suspects) else float("nan"),
    }  # fmt: skip
