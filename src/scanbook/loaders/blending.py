"""SMOTE: new images of the rarer classes, blended out of two that are there (Chawla et al. 2002).

A synthetic image lies on the straight line between an image and one of its nearest neighbours of the same class, the
pixels taken as one long vector. Pixel blends of CT slices are not anatomy: half of one chest shines through another. The
source asks for SMOTE, so it is here to be measured.

The neighbours are looked for among the pixels; which two are blended, and in what shares, imbalanced-learn draws. It is
given one column an image in place of the pixels, so what it returns are the shares: 1 - t in the column of one parent, t
in that of the other. So the parents are known, and only the finished images, one byte a pixel, lie in memory.
"""

from dataclasses import dataclass

import numpy as np

CHUNK = 64  # images blended at a time


@dataclass(frozen=True)
class Blends:
    """Which two images each synthetic one lies between, and where.

    first, second  int (M,), rows of the image array; the first is the nearer parent
    share          float64 (M,) in [0, 0.5], how far it lies on the way from the first to the second
    labels         int64 (M,)
    neighbours     class -> among how many nearest neighbours its images chose; none where no image was missing
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    labels: np.ndarray
    neighbours: dict[int, int]

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: np.ndarray | list[int]) -> "Blends":
        """Some of them, in the order of `places`."""
        return Blends(self.first[places], self.second[places], self.share[places], self.labels[places], self.neighbours)


def smote(
    images: np.ndarray, labels: np.ndarray, rows: np.ndarray, n_classes: int, neighbours: int = 5, seed: int = 0
) -> Blends:
    """Which images to blend until all classes are as common as the commonest.

    images      uint8 (N, H, W, C), an array or a memory map; only `rows` of the rarer classes are read, one class at
                a time, and held as float32
    labels      int (N,) in 0 … K-1
    rows        int (n,), the training rows
    neighbours  to choose from (Chawla's 5); in a class of fewer images as many as each image has

    Returns Blends, which `mix` makes images of. Raises ValueError when a class has one image where more are needed (alone
    it has no neighbour), and where imbalanced-learn is not installed.
    """
    rows = np.asarray(rows, dtype=np.int64)
    counts = np.bincount(np.asarray(labels)[rows], minlength=n_classes)
    if ((counts == 1) & (counts < counts.max())).any():
        raise ValueError(
            f"SMOTE: class {np.flatnonzero(counts == 1).tolist()} has one training image and so no neighbour "
            f"(counts {counts.tolist()}); add images, or take training.balance: augmented"
        )
    found, used = [], {}
    for k in np.flatnonzero((counts > 0) & (counts < counts.max())).tolist():
        own = rows[np.asarray(labels)[rows] == k]
        used[k] = min(neighbours, len(own) - 1)
        first, second, share = _drawn(_nearest(images, own, used[k]), int(counts.max()) - len(own), seed)
        found.append((own[first], own[second], share, np.full(len(share), k)))
    if not found:
        nothing = np.empty(0, dtype=np.int64)
        return Blends(nothing, nothing, np.empty(0), nothing, {})
    first, second, share, of_class = (np.concatenate(part) for part in zip(*found, strict=True))
    return Blends(first, second, share, of_class, used)


def mix(images: np.ndarray, blends: Blends, into: np.ndarray | None = None) -> np.ndarray:
    """The synthetic images, in the order of `blends`, rounded to whole grey values.

    images  uint8 (N, H, W, C), the array that `blends` was drawn from
    into    uint8 (M, H, W, C) to be filled; a new one when None

    Returns uint8 (M, H, W, C).
    """
    into = np.empty((len(blends), *images.shape[1:]), dtype=np.uint8) if into is None else into
    for start in range(0, len(blends), CHUNK):
        part = slice(start, start + CHUNK)
        one = images[blends.first[part]].astype(np.float32)
        other = images[blends.second[part]].astype(np.float32)
        share = blends.share[part, None, None, None].astype(np.float32)
        into[part] = np.rint(one + share * (other - one))
    return into


def bytes_needed(counts: np.ndarray, image_bytes: int) -> int:
    """Memory that SMOTE takes at its peak.

    counts       int (K,), training images of each class
    image_bytes  H * W * C

    The larger of the search for neighbours (the largest class that is filled up, as uint8 and as float32) and its
    result (real and synthetic images as uint8, and a chunk of blends).
    """
    counts = np.asarray(counts)
    filled = counts[counts < counts.max()]
    search = 5 * int(filled.max(initial=0)) * image_bytes
    return max(search, (len(counts) * int(counts.max()) + 16 * CHUNK) * image_bytes)


def _nearest(images: np.ndarray, rows: np.ndarray, neighbours: int) -> np.ndarray:
    """int (m, neighbours + 1), places in `rows`: each image itself, then those nearest to it in its pixels."""
    from sklearn.neighbors import NearestNeighbors  # here, because most runs do without

    vectors = images[rows].reshape(len(rows), -1).astype(np.float32)
    return NearestNeighbors(n_neighbors=neighbours + 1).fit(vectors).kneighbors(vectors, return_distance=False)


def _drawn(nearest: np.ndarray, n_new: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """imbalanced-learn's choice of parents and shares: int (n_new,), int (n_new,), float64 (n_new,)."""
    try:
        from imblearn.over_sampling import SMOTE  # two seconds of import that most runs do without
    except ModuleNotFoundError as error:
        raise ValueError(
            "SMOTE needs the package imbalanced-learn, which this environment lacks; install it (it is in "
            "requirements.lock), or take another training.balance"
        ) from error
    from scipy import sparse

    m = len(nearest)
    columns = sparse.identity(m + 1, format="csr")  # the last row stands for all other classes
    method = SMOTE(sampling_strategy={0: m + n_new}, k_neighbors=_Known(nearest), random_state=seed)
    shares = method.fit_resample(columns, np.append(np.zeros(m, dtype=int), 1))[0][m + 1 :]  # the given ones come first
    shares.eliminate_zeros()
    first = np.asarray(shares.argmax(axis=1)).ravel()
    both = np.diff(shares.indptr) == 2  # else the draw fell on an image itself, or on an equal one
    second = np.where(both, np.add.reduceat(shares.indices, shares.indptr[:-1]) - first, first)
    return first, second, 1 - shares.max(axis=1).toarray().ravel()


class _Known:
    """Neighbours that are already found, in the shape in which imbalanced-learn asks for them."""

    def __init__(self, nearest: np.ndarray) -> None:
        self.nearest = nearest

    def __sklearn_clone__(self) -> "_Known":
        return self

    def fit(self, _: object) -> "_Known":
        return self

    def kneighbors(self, _: object, return_distance: bool = False) -> np.ndarray:
        return self.nearest

    def kneighbors_graph(self, _: object) -> np.ndarray:
        """Never asked for by SMOTE itself, and demanded of whoever stands in for a search."""
        raise NotImplementedError("SMOTE asks for the neighbours, not for their graph")
