"""How far do rules get that look at no anatomy? Prints one table, a row a phantom set.

Each rule is fitted on about as many images as the sample profile trains on, and scored on fresh patients of
another seed: mean grey, the image's size, its border (mean and spread of the outermost pixels), each through
logistic regression, and the nearest neighbour among 32×32 thumbnails. A rule that scores high has found a
shortcut: the limits are AUROC 0.65, and for the neighbour 0.1 below the networks. Rule code is repeated here on
purpose, so that a fault in the package cannot hide a shortcut from this check.

    python benchmarks/phantom_rules.py [NAME …] [--patients 200] [--seed 2000]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from scanbook.phantoms import NAMES, make_phantoms

TRAIN_IMAGES = 300
LIMIT = 0.65


def read_set(folder: Path, name: str, seed: int, patients: int | None) -> tuple[pd.DataFrame, list[Image.Image]]:
    """Make a set and read it back: (truth table sorted by name, grey images)."""
    root = make_phantoms(name, folder, seed=seed, patients=patients)
    truth = pd.read_csv(folder / "truth" / f"{name}.csv").sort_values("image_id", ignore_index=True)
    return truth, [Image.open(root / image_id).convert("L") for image_id in truth["image_id"]]


def measure(images: list[Image.Image]) -> dict[str, np.ndarray]:
    """What each rule sees of each image: float64 (N, features)."""
    padded = [np.asarray(ImageOps.pad(image, (64, 64), Image.Resampling.BILINEAR), float) for image in images]
    rims = [np.concatenate([p[0], p[-1], p[1:-1, 0], p[1:-1, -1]]) for p in padded]
    thumbs = [ImageOps.pad(image, (32, 32), Image.Resampling.BILINEAR) for image in images]
    return {
        "mean grey": np.array([[p.mean()] for p in padded]),
        "size": np.array([[i.width, i.height, i.width / i.height] for i in images], float),
        "border": np.array([[rim.mean(), rim.std()] for rim in rims]),
        "1-NN": np.array([np.asarray(thumb, float).ravel() for thumb in thumbs]),
    }


def score(rule: str, train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A score a class for each test image, rows summing to 1: float64 (N, K), classes in sorted order."""
    if rule != "1-NN":
        mean, std = train.mean(0), train.std(0) + 1e-9
        model = LogisticRegression(max_iter=1000).fit((train - mean) / std, labels)
        return model.predict_proba((test - mean) / std)
    squared = (test**2).sum(1)[:, None] - 2.0 * test @ train.T + (train**2).sum(1)[None, :]
    nearest = np.stack([squared[:, labels == k].min(1) for k in np.unique(labels)], 1)
    closeness = np.exp(-nearest / nearest.mean())
    return closeness / closeness.sum(1, keepdims=True)


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve, macro one-vs-rest for more than two classes."""
    if scores.shape[1] == 2:
        return float(roc_auc_score(labels == np.unique(labels)[1], scores[:, 1]))
    return float(roc_auc_score(labels, scores, multi_class="ovr"))


def rules_of(name: str, seed: int, patients: int) -> dict[str, float | int | str]:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as scratch:
        seen, seen_images = read_set(Path(scratch) / "train", name, seed + 1, None)
        fresh, fresh_images = read_set(Path(scratch) / "test", name, seed, patients)
    order = np.random.default_rng(seed).permutation(seen["patient"].unique())
    counts = seen.groupby("patient").size().loc[order].cumsum()
    rows = np.flatnonzero(seen["patient"].isin(counts.index[counts <= TRAIN_IMAGES]))
    train, test = measure([seen_images[row] for row in rows]), measure(fresh_images)
    labels = seen["label"].to_numpy()[rows]
    found = {rule: auroc(fresh["label"].to_numpy(), score(rule, train[rule], labels, test[rule])) for rule in train}
    return {"set": name, "patients": fresh["patient"].nunique(), "images": len(fresh), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"sets to check; all of {', '.join(NAMES)} if none is named")
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2000)
    arguments = parser.parse_args()
    rows = [rules_of(name, arguments.seed, arguments.patients) for name in arguments.names or NAMES]
    table = pd.DataFrame(rows).set_index("set")
    print(table.to_string(float_format=lambda value: f"{value:.3f}"))
    over = [f"{name} {rule}" for name, row in table.iterrows() for rule in row.index[2:-1] if row[rule] >= LIMIT]
    print(f"limit {LIMIT}: " + (f"exceeded by {', '.join(over)}" if over else "kept by every rule but the neighbour's"))


if __name__ == "__main__":
    main()
