"""The floor under every network: rules that look at no anatomy, on the same split, scored the same way.

A network that is no better than the file's size, its border or the most similar training thumbnail has learnt nothing
about disease, however good its score. So each page has these rules beside the networks: same images in training, same
images in the test, logits like any other.
"""

from collections.abc import Mapping, Sequence

import numpy as np

RULES = {
    "majority": "always the commonest class",
    "size": "width, height and their ratio",
    "file": "bytes, bytes a pixel, colour mode and ending of the name",
    "border": "mean and spread of the outermost pixels, side by side",
    "grey": "mean and spread of all grey values",
    "neighbour": "the most similar training image at 32 × 32 pixels",
}
THUMB = 32
_RING = 2  # px of a view that count as its border
_AT_ONCE = 512  # test images compared at a time


def features_of(rule: str, table: Mapping[str, Sequence], views: np.ndarray) -> np.ndarray:
    """What a rule may look at.

    rule   one of RULES
    table  columns width, height, bytes, mode and image_id, one entry an image
    views  uint8 (N, S, S), the whole images squeezed to squares

    Returns float32 (N, F). Raises ValueError for an unknown rule.
    """
    grey = views.astype(np.float32)
    width, height = np.asarray(table["width"], np.float32), np.asarray(table["height"], np.float32)
    if rule == "majority":
        return np.zeros((len(grey), 1), np.float32)
    if rule == "size":
        return np.stack([width, height, width / height], 1)
    if rule == "file":
        size = np.asarray(table["bytes"], np.float32)
        kinds = [f"{mode} {name.rsplit('.', 1)[-1].lower()}" for mode, name in zip(table["mode"], table["image_id"])]  # noqa: B905
        return np.stack([size, size / (width * height), np.unique(kinds, return_inverse=True)[1].astype(np.float32)], 1)
    if rule == "border":
        sides = (grey[:, :_RING], grey[:, -_RING:], grey[:, :, :_RING], grey[:, :, -_RING:])
        return np.stack([statistic(side, axis=(1, 2)) for side in sides for statistic in (np.mean, np.std)], 1)
    if rule == "grey":
        return np.stack([grey.mean((1, 2)), grey.std((1, 2))], 1)
    if rule == "neighbour":
        return _thumbnails(grey)
    raise ValueError(f"unknown rule {rule!r}; known: {', '.join(RULES)}")


def answer(rule: str, features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, n_classes: int,
           seed: int = 0) -> np.ndarray:  # fmt: skip
    """Logits of a rule that has seen the training rows alone.

    features  float32 (N, F), see `features_of`
    labels    int (N,)
    train, test  rows

    Returns float32 (len(test), n_classes), logarithms of probabilities; a class that no training image shows gets the
    least. The forest of the small rules has 50 trees of depth 3; the neighbour's answer is the class of the nearest
    training image, the surer the further away the other classes lie.
    """
    if rule == "majority":
        counts = np.bincount(labels[train], minlength=n_classes) / len(train)
        return np.tile(_logs(counts), (len(test), 1))
    if rule == "neighbour":
        return _nearest(features, labels, train, test, n_classes)
    from sklearn.ensemble import RandomForestClassifier  # here: 60 MB that no kernel needs while it trains

    forest = RandomForestClassifier(50, max_depth=3, min_samples_leaf=3, random_state=seed)
    forest.fit(features[train], labels[train])
    probs = np.zeros((len(test), n_classes))
    probs[:, forest.classes_] = forest.predict_proba(features[test])
    return _logs(probs)


def _nearest(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, n_classes: int
) -> np.ndarray:
    """Closeness of the nearest training image of each class, as logarithms that sum to one."""
    known, of_known = features[train], labels[train]
    length = (known**2).sum(1)
    nearest = np.full((len(test), n_classes), np.inf)
    for start in range(0, len(test), _AT_ONCE):
        asked = features[test[start : start + _AT_ONCE]]
        squared = np.maximum((asked**2).sum(1)[:, None] - 2 * asked @ known.T + length, 0)
        for k in np.unique(of_known):
            nearest[start : start + _AT_ONCE, k] = squared[:, of_known == k].min(1)
    scale = np.mean(nearest[np.isfinite(nearest)]) or 1.0
    closeness = np.exp(-np.minimum(nearest / scale, 700))
    return _logs(closeness / np.maximum(closeness.sum(1, keepdims=True), 1e-300))


def _thumbnails(grey: np.ndarray) -> np.ndarray:
    """float32 (N, THUMB²): means over fields of the square views, between 0 and 1."""
    side = grey.shape[-1]
    edges = np.linspace(0, side, THUMB + 1)
    left, right = edges[:-1, None], edges[1:, None]
    cover = np.clip(np.minimum(right, np.arange(1, side + 1)) - np.maximum(left, np.arange(side)), 0, None)
    weights = (cover / cover.sum(1, keepdims=True)).astype(np.float32)
    return (weights @ grey @ weights.T).reshape(len(grey), -1) / 255


def _logs(probs: np.ndarray) -> np.ndarray:
    return np.log(np.clip(probs, 1e-6, 1)).astype(np.float32)


def out_of_fold(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, n_classes: int, seed: int = 0, rule: str = ""
) -> np.ndarray:
    """Logits for every image, by a classifier that has not seen the image's group.

    features  float32 (N, F)
    labels, groups  (N,) int and text
    rule      one of RULES: what answers. Without one a linear classifier does, see `_linear`

    Returns float32 (N, n_classes). Raises ValueError with fewer than two groups of a class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(5, *(len(np.unique(groups[labels == k])) for k in np.unique(labels)))
    if folds < 2:
        raise ValueError("a class has a single group: nothing can be learnt about it and tested too")
    logits = np.empty((len(labels), n_classes), np.float32)
    for seen, asked in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(features, labels, groups):
        if rule:
            logits[asked] = answer(rule, features, labels, seen, asked, n_classes, seed)
        else:
            logits[asked] = _linear(features, labels, seen, asked, n_classes, seed)
    return logits


def _linear(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, n_classes: int,
            seed: int) -> np.ndarray:  # fmt: skip
    """As `answer`, by logistic regression on at most 20 principal components of the training rows."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = min(20, len(train) - 1, features.shape[1])
    model = make_pipeline(PCA(parts, random_state=seed), StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(features[train], labels[train])
    probs = np.zeros((len(test), n_classes))
    probs[:, model.classes_] = model.predict_proba(features[test])
    return _logs(probs)
