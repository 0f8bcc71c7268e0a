"""What the training part is made of: which images, how often each is shown, and what its rare classes weigh.

Everything here looks at training rows only: counts that include validation or test images would leak, and an image
that is shown again, or blended with another, stays on its side of the split because it is made after it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scanbook.loaders import blending
from scanbook.loaders.memory import free_bytes

POLICIES = ("none", "class_weights", "sampler", "augmented", "smote", "smote_and_weights")
WEIGHTED = ("class_weights", "smote_and_weights")
BLENDED = ("smote", "smote_and_weights")
SHARE_OF_MEMORY = 0.5  # of what is free; the rest is for the network, its gradients and other processes


@dataclass(frozen=True)
class TrainingPart:
    """What an epoch shows, and what it weighs.

    images     uint8 (M, H, W, C), the set's own array, or, with synthetic images, a new one of this part alone
    labels     int (M,)
    image_ids  M names
    rows       int (n,) into `images`; a row named twice is shown twice
    looks      int (n,), which set of augmentations each showing is given: 0 for the first
    evenly     whether each epoch draws its n rows anew, with replacement, every class equally often
    weights    float32 (K,) of the classes in the loss, counted on the training rows before anything was added; None: 1
    n_synthetic  how many of the images were never taken of anybody
    neighbours   class -> among how many neighbours SMOTE chose
    """

    images: np.ndarray
    labels: np.ndarray
    image_ids: Sequence[str]
    rows: np.ndarray
    looks: np.ndarray
    evenly: bool = False
    weights: np.ndarray | None = None
    n_synthetic: int = 0
    neighbours: dict[int, int] = field(default_factory=dict)


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


def drawn_evenly(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """As many places as there are labels, drawn with replacement, every class equally often (one more for some where
    the number cannot be divided; which, is drawn too).

    labels       int (n,), of the training rows
    seed, epoch  decide the draw, and nothing else does

    Returns int (n,) into `labels`, in the order in which they are shown.
    """
    rng = np.random.default_rng([seed, epoch])
    classes = np.unique(labels)
    each, left = divmod(len(labels), len(classes))
    times = each + (rng.permutation(len(classes)) < left)
    drawn = [rng.choice(np.flatnonzero(labels == k), n) for k, n in zip(classes, times, strict=True)]
    return rng.permutation(np.concatenate(drawn))


def training_part(
    images: np.ndarray,
    labels: np.ndarray,
    image_ids: Sequence[str],
    rows: np.ndarray,
    n_classes: int,
    *,
    balance: str = "none",
    n_sets: int = 1,
    neighbours: int = 5,
    seed: int = 0,
    memory: int | None = None,
) -> TrainingPart:
    """The training part as an epoch shows it and the loss weighs it.

    images, labels, image_ids  of the whole set, N each; other rows than `rows` are not read
    rows                       int (n,), the training rows
    balance                    one of POLICIES: none; class_weights (see `class_weights`); sampler (see `drawn_evenly`);
                               augmented (see `copies`, with `n_sets`); smote (see `blending`, with `neighbours`);
                               smote_and_weights, the weights counted before anything is blended
    memory                     bytes that SMOTE may take; None: half of what is free

    Raises ValueError for any other word, when a class has no image, when SMOTE would take more, and as those do.
    """
    if balance not in POLICIES:
        raise ValueError(f"training.balance: {balance!r} is unknown; allowed: {', '.join(POLICIES)}")
    rows = np.asarray(rows, dtype=np.int64)
    own = np.asarray(labels)[rows]
    counts = None if balance == "none" else _counts(own, n_classes)
    part = TrainingPart(
        images, labels, image_ids, rows, np.zeros(len(rows), dtype=np.int64), evenly=balance == "sampler",
        weights=class_weights(own, n_classes) if balance in WEIGHTED else None,
    )  # fmt: skip
    if balance == "augmented":
        shown, looks = copies(labels, rows, image_ids, n_classes, n_sets, seed)
        return replace(part, rows=shown, looks=looks)
    if counts is None or balance not in BLENDED:
        return part
    _check_memory(counts, images.shape[1:], memory)
    blends = blending.smote(images, labels, rows, n_classes, neighbours, seed)
    n, n_all = len(rows), len(rows) + len(blends)
    pixels = np.empty((n_all, *images.shape[1:]), dtype=np.uint8)
    for start in range(0, n, blending.CHUNK):
        pixels[start : start + blending.CHUNK][: n - start] = images[rows[start : start + blending.CHUNK]]
    blending.mix(images, blends, into=pixels[n:])
    return replace(
        part,
        images=pixels,
        labels=np.concatenate([own, blends.labels]),
        image_ids=[*(image_ids[row] for row in rows), *(f"synthetic/{i}" for i in range(len(blends)))],
        rows=np.arange(n_all),
        looks=np.zeros(n_all, dtype=np.int64),
        n_synthetic=len(blends),
        neighbours=blends.neighbours,
    )


def _check_memory(counts: np.ndarray, shape: tuple[int, ...], memory: int | None) -> None:
    """Refuse SMOTE where it would take more memory than it may."""
    need = blending.bytes_needed(counts, int(np.prod(shape)))
    free = free_bytes() if memory is None else None
    may = memory if free is None else round(SHARE_OF_MEMORY * free)
    if may is not None and need > may:
        n_new = int((counts.max() - counts).sum())
        raise ValueError(
            f"SMOTE: {n_new:,} synthetic beside {counts.sum():,} training images of {' × '.join(map(str, shape))} take "
            f"{need / 1e9:.2g} GB of memory, and {may / 1e9:.2g} GB may be taken (half of what is free); choose a "
            f"smaller image.size, fewer images (training.max_images), or training.balance: augmented or sampler"
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
            f"nothing can make up for it: add images, or leave the class out"
        )
    return counts
