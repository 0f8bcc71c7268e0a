"""Which pictures might be the same one: guessed from a hash, without comparing all with all.

The hash is the signs of 117 middle frequencies of a view, the lowest left out because all images of a modality share
their coarse shape. Hashes that agree in some random choice of bits meet in a bucket, and those within RADIUS bits of
each other are compared in the lower frequencies of their fine structure, kept here a byte each: what cannot be near
whatever the rest holds goes no further. With many tables of few bits each, a copy is hardly ever missed; buckets stay
small as the set grows, and from a crowded one few are taken, so that the work grows with the number of images and not
with its square.
"""

from collections.abc import Iterator

import numpy as np
from scipy.fft import dctn

from scanbook.loaders.views import INSIDE, TURNS, WHOLE, kept_by_detail

RADIUS = 24  # bits of 117 by which two hashes of one picture may differ
_HASHED = 17  # the frequencies (i, j) with 8 ≤ i + j < 17 make the hash: not shared by strangers, kept by compression
_ROW, _COLUMN = np.array([(i, s - i) for s in range(8, _HASHED) for i in range(s + 1)]).T
BITS = len(_ROW)
_SPAN = 24  # the frequencies below this, of 48 either way, hold nearly all of what two views are compared in
_STEPS = 512  # of a frequency's share in the whole fine structure
_SPARE = 0.03  # correlation that rounding to such steps may cost, generously
_TABLES = 24
_CROWD = 32  # of a bucket with more members each is compared with this many, which still ties them all together
_FLAT = 2.0  # standard deviation of grey values below which a view shows nothing that could be compared
_AT_ONCE = 2_000  # views transformed at once
_ASKING = 16_384  # views that look for partners at once


class Pool:
    """The views of some pictures that can be compared: each as a whole and, where it has a border, without it, so that
    a framed copy meets the picture that was framed.

    views  uint8 (M, 2, SIDE, SIDE), see `views.views_of`
    rows   int (N,), where in `views` each picture's lie

    place  int (E,), the picture of each entry, rising; which  (E,), which of its two views. Views that show nothing
    are no entry.
    """

    def __init__(self, views: np.ndarray, rows: np.ndarray) -> None:
        places, which, fine, rest = [], [], [], []
        for start in range(0, max(len(rows), 1), _AT_ONCE):
            both = views[rows[start : start + _AT_ONCE]]
            tells = both.std((2, 3)) >= _FLAT
            tells[:, INSIDE] &= (both[:, WHOLE] != both[:, INSIDE]).any((1, 2))
            place, kind = np.nonzero(tells)
            numbers, missing = _in_bytes(frequencies(both[place, kind]))
            places.append(start + place)
            which.append(kind)
            fine.append(numbers)
            rest.append(missing)
        self.place, self.which = np.concatenate(places), np.concatenate(which)
        self._fine, self._rest = np.concatenate(fine), np.concatenate(rest)

    def guess(self, near: float) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        """Pairs of entries of different pictures that may correlate by `near` or more in their fine structure, once the
        first is turned: entries a, entries b (a < b), the turn; in parts.
        """
        n = len(self.place)
        bits = _bits(self._fine)
        width = int(np.clip(np.ceil(np.log2(max(n, 1))), 10, 24))  # bits a table: buckets stay small as the set grows
        generator = np.random.default_rng(0)
        choices = [generator.choice(BITS, width, replace=False) for _ in range(_TABLES)]
        tables = [_sorted_keys(bits[:, choice]) for choice in choices]
        packed = _packed(bits)
        for turn in range(len(TURNS)):
            for start in range(0, n, _ASKING):
                fine = turned_frequencies(self._fine[start : start + _ASKING], turn)
                bits = _bits(fine)
                mine, found = _packed(bits), [np.zeros(0, np.int64)]
                for choice, (keys, entries) in zip(choices, tables, strict=True):
                    a, b = _meeting(_keys(bits[:, choice]), start, keys, entries)
                    close = np.bitwise_count(mine[a - start] ^ packed[b]).sum(1) <= RADIUS
                    found.append(a[close] * n + b[close])
                pairs = np.unique(np.concatenate(found))
                for first in range(0, len(pairs), _ASKING):
                    a, b = np.divmod(pairs[first : first + _ASKING], n)
                    shared = np.einsum(
                        "nij,nij->n", fine[a - start].astype(np.float32), self._fine[b].astype(np.float32)
                    )
                    most = shared / _STEPS**2 + self._rest[a] * self._rest[b]  # whatever is in the frequencies left out
                    may = (most >= near - _SPARE) & (self.place[a] != self.place[b])
                    yield a[may], b[may], turn


def hashes(views: np.ndarray) -> list[str]:
    """30 hex digits a view; those of copies differ in few bits.

    views  uint8 (N, SIDE, SIDE)
    """
    parts = (views[start : start + _AT_ONCE] for start in range(0, len(views), _AT_ONCE))
    return [row.tobytes().hex() for part in parts for row in np.packbits(_bits(frequencies(part)), axis=1)]


def frequencies(views: np.ndarray) -> np.ndarray:
    """float32 (N, SIDE, SIDE): each view's cosine transform, of the same length as the view."""
    return dctn(views.astype(np.float32), axes=(1, 2), norm="ortho", overwrite_x=True)


def turned_frequencies(of: np.ndarray, turn: int) -> np.ndarray:
    """The frequencies of the turned views, (N, K, K), or their signs, without turning any view: a mirror changes signs,
    a quarter turn swaps axes.
    """
    sign = np.where(np.arange(of.shape[-1]) % 2, -1, 1).astype(of.dtype)
    mirrored, quarters = divmod(turn, 4)
    result = of * sign if mirrored else of
    for _ in range(quarters):  # counter-clockwise: transposed, then upside down
        result = result.transpose(0, 2, 1) * sign[:, None]
    return result


def _in_bytes(of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower frequencies of each view's fine structure, which as a whole has length 1, in steps of 1 / _STEPS: int8
    (N, _SPAN, _SPAN), none rounded to 0, so that signs stay; and float32 (N,), the length of what these leave out.
    """
    fine = of * kept_by_detail()
    fine /= np.maximum(np.linalg.norm(fine, axis=(1, 2), keepdims=True), 1e-6)
    fine = fine[:, :_SPAN, :_SPAN]
    steps = np.sign(fine) * np.clip(np.rint(np.abs(fine) * _STEPS), 1, 127)
    left = np.maximum(1 - np.square(np.minimum(np.abs(fine), 127 / _STEPS)).sum((1, 2)), 0)
    return steps.astype(np.int8), np.sqrt(left)


def _meeting(asked: np.ndarray, start: int, keys: np.ndarray, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs a < b where `asked[a - start]` is the key of b; at most _CROWD partners each, from anywhere in the bucket."""
    low, high = np.searchsorted(keys, asked, "left"), np.searchsorted(keys, asked, "right")
    count = np.minimum(high - low, _CROWD)
    a = np.repeat(np.arange(start, start + len(asked)), count)
    place = np.arange(len(a)) - np.repeat(np.cumsum(count) - count, count)
    size = np.repeat(np.maximum(high - low, 1), count)
    shift = np.where(size > _CROWD, a * 2_654_435_761 % size, 0)
    b = entries[np.repeat(low, count) + (place + shift) % size].astype(np.int64)
    return a[a < b], b[a < b]


def _bits(of: np.ndarray) -> np.ndarray:
    """bool (N, BITS), from frequencies or their signs."""
    return of[:, _ROW, _COLUMN] > 0


def _packed(bits: np.ndarray) -> np.ndarray:
    """Bits (N, BITS) as uint64 (N, 2), the spare ones 0."""
    whole = np.zeros((len(bits), 128), bool)
    whole[:, :BITS] = bits
    return np.packbits(whole, axis=1).view(np.uint64)


def _keys(bits: np.ndarray) -> np.ndarray:
    """Bits (N, width) as one whole number each."""
    return bits @ (1 << np.arange(bits.shape[1], dtype=np.int32))


def _sorted_keys(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keys = _keys(bits)
    order = np.argsort(keys, kind="stable")
    return keys[order], order.astype(np.int32)
