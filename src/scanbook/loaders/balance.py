"""What the training part is made of: which images, how often each is shown, and what its rare classes weigh.

Everything here looks at training rows only: counts that include validation or test images would leak, and an image
that is shown again, or blended with another, stays on its side of the split because it is made after it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainingPart:
    """What an epoch shows.

    images     uint8 (M, H, W, C), the set's own array, or, with synthetic images, a new one of this part alone
    labels     int (M,)
    image_ids  M names
    rows       int (n,) into `images`; a row named twice is shown twice
    looks      int (n,), which set of augmentations each showing is given: 0 for the first
    n_synthetic  how many of the images were never taken of anybody
    """

    images: np.ndarray
    labels: np.ndarray
    image_ids: Sequence[str]
    rows: np.ndarray
    looks: np.ndarray
    n_synthetic: int = 0


def class_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weight of each class in the loss, n / (K * n_k): 1 everywhere when the classes are equally common.

    labels  int (N,) in 0 … K-1, of training images, before any resampling: after it they would all be 1

    Returns float32 (K,). Raises ValueError when a class has no image.
    """
    counts = _counts(labels, n_classes)
    return (counts.sum() / (n_classes * counts)).astype(np.float32)


def initial_bias(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Log of each class's share: with this bias and no input, softmax predicts exactly how common each class
    is.

    labels  int (N,) in 0 … K-1, of training images

    Returns float32 (K,). Raises ValueError when a class has no image.
    """
    counts = _counts(labels, n_classes)
    return np.log(counts / counts.sum()).astype(np.float32)


def at_most(rows: np.ndarray, groups: Sequence[str] | np.ndarray, n_images: int, seed: int = 0) -> np.ndarray:
    """Keep at most so many images, whole groups, in the order of a hash of (seed, group).

    rows      int (n,) into the set's arrays
    groups    (N,) of the whole set
    n_images  the most that may be kept; the first group that does not fit ends the choice, so that a smaller
              number keeps a part of what a larger one keeps

    Returns int (≤ n_images,) in the order of `rows`. Raises ValueError when not even one group fits.
    """
    rows = np.asarray(rows)
    of_row = np.asarray(groups, dtype=object)[rows].astype(str)
    names, sizes = np.unique(of_row, return_counts=True)
    order = np.argsort([_hash(f"{seed}/{name}") for name in names], kind="stable")
    fits = order[np.cumsum(sizes[order]) <= n_images]
    if len(rows) and len(fits) == 0:
        raise ValueError(
            f"training.max_images: {n_images} is less than the first group holds ({sizes[order[0]]} images of "
            f"{names[order[0]]!r}), and groups stay whole; ask for more"
        )
    return rows[np.isin(of_row, names[fits])]


def copies(
    labels: np.ndarray, rows: np.ndarray, image_ids: Sequence[str], n_classes: int, n_sets: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Show images of the rarer classes again until all classes are shown equally often.

    Every image is first shown under set 0 of the augmentations, then each of a rarer class under set 1, then set
    2 …; the last round takes only as many as are missing, in the order of a hash of (seed, set, image). Where
    even the last set leaves a class short, the sets from 1 on come round again, with other draws.

    labels, image_ids  (N,) of the whole set
    rows               int (n,), the training rows, each once
    n_sets             of augmentations, the first included; at least 2

    Returns rows int (m,) and looks int (m,), the set of each showing. Raises ValueError when a class has no image
    or there is one set only.
    """
    if n_sets < 2:
        raise ValueError(f"{n_sets} set of augmentations; copies need a second one: add to training.resample.sets")
    rows = np.asarray(rows, dtype=np.int64)
    counts = _counts(np.asarray(labels)[rows], n_classes)
    shown, looks = [rows], [np.zeros(len(rows), dtype=np.int64)]
    for k in range(n_classes):
        own, missing, turn = rows[np.asarray(labels)[rows] == k], int(counts.max() - counts[k]), 0
        while missing > 0:
            look = 1 + turn % (n_sets - 1)
            order = np.argsort([_hash(f"{seed}/{turn}/{image_ids[row]}") for row in own], kind="stable")
            again = own[np.sort(order[:missing])]
            shown.append(again)
            looks.append(np.full(len(again), look, dtype=np.int64))
            missing, turn = missing - len(again), turn + 1
    return np.concatenate(shown), np.concatenate(looks)


def smote(
    images: np.ndarray, labels: np.ndarray, n_classes: int, neighbours: int = 5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Blend images of the rarer classes until all classes are equally common (Chawla et al. 2002).

    A synthetic image lies on the straight line between an image and one of its nearest neighbours of the same
    class, the pixels taken as one long vector. Pixel blends of CT slices are not anatomy: half of one chest shines
    through another. The source asks for SMOTE, so it is here to be measured.

    images      uint8 (N, H, W, C), of the training part; held in memory as float32 vectors, twice over: 4,700 X-rays of
                224 px take 4.3 GB and, on one core, 20 seconds
    labels      int (N,)
    neighbours  to choose from (Chawla's 5); one less than the smallest class to be filled up has, where that is less

    Returns the synthetic images alone, uint8 (M, H, W, C), and their labels int64 (M,). Raises ValueError when a
    class has no image, or only one where more are needed (alone it has no neighbour), and where imbalanced-learn
    is not installed.
    """
    labels = np.asarray(labels, dtype=np.int64)
    counts = _counts(labels, n_classes)
    rare = counts < counts.max()
    if not rare.any():
        return np.empty((0, *images.shape[1:]), dtype=np.uint8), np.empty(0, dtype=np.int64)
    smallest = int(counts[rare].min())
    if smallest < 2:
        raise ValueError(
            f"SMOTE: class {np.flatnonzero(counts == 1).tolist()} has one training image and so no neighbour "
            f"(counts {counts.tolist()}); add images, or resample by copies"
        )
    try:
        from imblearn.over_sampling import SMOTE  # two seconds of import that most runs do without
    except ModuleNotFoundError as error:
        raise ValueError(
            "SMOTE needs the package imbalanced-learn, which this environment lacks; install it (it is in "
            "requirements.lock), or set training.resample to {by: none}"
        ) from error
    method = SMOTE(k_neighbors=min(neighbours, smallest - 1), random_state=seed)
    vectors = np.asarray(images).reshape(len(images), -1).astype(np.float32)
    blended, blended_labels = method.fit_resample(vectors, labels)
    new = np.rint(blended[len(images) :]).clip(0, 255).astype(np.uint8)  # the given ones come first
    return new.reshape(-1, *images.shape[1:]), blended_labels[len(images) :].astype(np.int64)


def training_part(
    images: np.ndarray,
    labels: np.ndarray,
    image_ids: Sequence[str],
    rows: np.ndarray,
    n_classes: int,
    *,
    by: str = "none",
    n_sets: int = 1,
    neighbours: int = 5,
    seed: int = 0,
) -> TrainingPart:
    """The training part as an epoch shows it.

    images, labels, image_ids  of the whole set, N each
    rows                       int (n,), the training rows
    by                         none; copies (see `copies`, with `n_sets`); smote (see `smote`, with `neighbours`)

    Raises ValueError for any other word, and as those two do.
    """
    if by == "none":
        return TrainingPart(images, labels, image_ids, rows, np.zeros(len(rows), dtype=np.int64))
    if by == "copies":
        return TrainingPart(images, labels, image_ids, *copies(labels, rows, image_ids, n_classes, n_sets, seed))
    if by != "smote":
        raise ValueError(f"training.resample.by: {by!r} is unknown; allowed: none, copies, smote")
    real = np.asarray(images[rows])
    new, new_labels = smote(real, labels[rows], n_classes, neighbours, seed)
    return TrainingPart(
        images=np.concatenate([real, new]),
        labels=np.concatenate([labels[rows], new_labels]),
        image_ids=[*(image_ids[row] for row in rows), *(f"synthetic/{i}" for i in range(len(new)))],
        rows=np.arange(len(rows) + len(new)),
        looks=np.zeros(len(rows) + len(new), dtype=np.int64),
        n_synthetic=len(new),
    )


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _counts(labels: np.ndarray, n_classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; "
            f"with {n_classes} classes, 0 to {n_classes - 1} is allowed"
        )
    counts = np.bincount(labels.astype(np.int64), minlength=n_classes)
    if (counts == 0).any():
        raise ValueError(
            f"class {np.flatnonzero(counts == 0).tolist()} has no training image (counts {counts.tolist()}); "
            f"its weight would be infinite: add images, or leave the class out"
        )
    return counts
