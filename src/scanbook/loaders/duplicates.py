"""Pictures that occur twice: the same bytes, the same pixels, or nearly the same in any of eight positions.

Comparing every pair is quadratic, so near copies are first guessed by a perceptual hash: the signs of 117 middle
frequencies of a view, the lowest left out because all images of a modality share their coarse shape. Hashes that agree
in some random choice of bits meet in a bucket, those within RADIUS bits of each other are candidates, and what
candidates share in fine structure decides. With many tables of few bits each, a copy is hardly ever missed, and the
work grows with the number of images and not with its square.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.fft import dctn

from scanbook.loaders.views import INSIDE, TURNS, WHOLE, detail, turned

RADIUS = 24  # bits of 117 by which two hashes of one picture may differ
NEAR = 0.85  # correlation of fine structure from which two pictures are near copies; other patients stay below
SAME = 0.98  # and from which they are one picture: what is left is compression
_SPAN = 17  # the frequencies (i, j) with 8 ≤ i + j < 17 make the hash: not shared by strangers, kept by compression
_ROW, _COLUMN = np.array([(i, s - i) for s in range(8, _SPAN) for i in range(s + 1)]).T
BITS = len(_ROW)
_TABLES = 24
_CROWD = 32  # of a bucket with more members each is compared with this many, which still ties them all together
_FLAT = 2.0  # standard deviation of grey values below which a view shows nothing that could be compared
_CHUNK = 20_000  # pairs of views held at once
COLUMNS = ("a", "b", "kind", "turn", "likeness")


def find_pairs(sha256: np.ndarray, pixel_hash: np.ndarray, views: np.ndarray) -> pd.DataFrame:
    """Every picture that occurs twice.

    sha256, pixel_hash  (N,) texts of the files
    views               uint8 (N, 2, SIDE, SIDE), see `views.views_of`

    Returns a, b (rows, a < b), kind ("same file", "same pixels", "near"), turn (of TURNS: how a must be turned to
    look like b) and likeness (correlation of fine structure, 1 for equal pixels), sorted by a and b. Of n equal files
    the first is paired with each other one, and only the first is compared with different ones.
    """
    first = _first_with(pixel_hash)
    copies = np.flatnonzero(first != np.arange(len(first)))
    same_file = sha256[copies] == sha256[first[copies]]
    equal = pd.DataFrame({"a": first[copies], "b": copies, "kind": np.where(same_file, "same file", "same pixels"),
                          "turn": TURNS[0], "likeness": 1.0})  # fmt: skip
    originals = np.flatnonzero(first == np.arange(len(first)))
    near = near_pairs(views[originals])
    near = near.assign(a=originals[near["a"]], b=originals[near["b"]], kind="near",
                       turn=np.array(TURNS)[near["turn"]])  # fmt: skip
    pairs = pd.concat([equal, near])[list(COLUMNS)] if len(near) else equal
    return pairs.sort_values(["a", "b"], ignore_index=True)


def near_pairs(views: np.ndarray) -> pd.DataFrame:
    """Pairs a < b of different images with a likeness of NEAR or more in some turn: a, b, turn (0 to 7), likeness."""
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for view in (WHOLE, INSIDE):
        chosen = views[:, view]
        seen = np.flatnonzero(chosen.reshape(len(chosen), -1).std(1) >= _FLAT)
        for a, b, turn in _candidates(chosen[seen]):
            a, b = seen[a], seen[b]
            alike = (detail(turned(chosen[a], turn)) * detail(chosen[b])).sum(1)
            for k in np.flatnonzero(alike >= NEAR):
                pair = int(a[k]), int(b[k])
                best[pair] = max(best.get(pair, (0.0, 0)), (float(alike[k]), -turn))  # of equal turns the plainest
    rows = [(a, b, -turn, min(alike, 1.0)) for (a, b), (alike, turn) in sorted(best.items())]
    table = pd.DataFrame(rows, columns=["a", "b", "turn", "likeness"])
    return table.astype({"a": np.int64, "b": np.int64, "turn": np.int64, "likeness": np.float64})


def likeness(views: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation of fine structure, as they are, of the whole views of rows a with those of rows b: float (len(a),)."""
    parts = range(0, len(a), _CHUNK)
    found = [(detail(views[a[i : i + _CHUNK], WHOLE]) * detail(views[b[i : i + _CHUNK], WHOLE])).sum(1) for i in parts]
    return np.concatenate(found) if found else np.zeros(0)


def perceptual_hashes(views: np.ndarray) -> list[str]:
    """30 hex digits an image: the hash of its whole view; copies differ in few bits."""
    return [row.tobytes().hex() for row in np.packbits(_bits(_frequencies(views[:, WHOLE])), axis=1)]


def _first_with(texts: np.ndarray) -> np.ndarray:
    """For each row the first row that holds the same text."""
    _, first, which = np.unique(texts, return_index=True, return_inverse=True)
    return first[which]


def _candidates(views: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Chunks of pairs a < b whose hashes lie within RADIUS once a is turned: rows a, rows b, the turn."""
    n = len(views)
    if n < 2:
        return
    frequencies = _frequencies(views)
    base = _bits(frequencies)
    width = int(np.clip(np.ceil(np.log2(n)), 10, 24))  # bits a table: buckets stay small as the set grows
    generator = np.random.default_rng(0)
    choices = [generator.choice(BITS, width, replace=False) for _ in range(_TABLES)]
    tables = [_sorted_keys(base[:, choice]) for choice in choices]
    packed = _packed(base)
    for turn in range(len(TURNS)):
        bits = _bits(_turned(frequencies, turn))
        mine, found = _packed(bits), np.zeros(0, np.int64)
        for choice, (keys, rows) in zip(choices, tables, strict=True):
            a, b = _meeting(_keys(bits[:, choice]), keys, rows)
            close = np.bitwise_count(mine[a] ^ packed[b]).sum(1) <= RADIUS
            found = np.union1d(found, a[close] * n + b[close])
        for start in range(0, len(found), _CHUNK):
            yield found[start : start + _CHUNK] // n, found[start : start + _CHUNK] % n, turn


def _meeting(asked: np.ndarray, keys: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs a < b where `asked[a]` is the key of b; at most _CROWD partners each, taken from anywhere in the bucket."""
    low, high = np.searchsorted(keys, asked, "left"), np.searchsorted(keys, asked, "right")
    count = np.minimum(high - low, _CROWD)
    a = np.repeat(np.arange(len(asked)), count)
    place = np.arange(len(a)) - np.repeat(np.cumsum(count) - count, count)
    crowded = np.repeat((high - low) > _CROWD, count)
    shift = np.where(crowded, a * 2_654_435_761 % np.repeat(np.maximum(high - low, 1), count), 0)
    size = np.repeat(np.maximum(high - low, 1), count)
    b = rows[np.repeat(low, count) + (place + shift) % size]
    return a[a < b], b[a < b]


def _frequencies(views: np.ndarray) -> np.ndarray:
    """float32 (N, _SPAN, _SPAN): the low corner of each view's cosine transform."""
    parts = []
    for start in range(0, len(views), _CHUNK):
        grey = views[start : start + _CHUNK].astype(np.float32)
        parts.append(dctn(grey, axes=(1, 2), norm="ortho")[:, :_SPAN, :_SPAN].copy())
    return np.concatenate(parts) if parts else np.zeros((0, _SPAN, _SPAN), np.float32)


def _turned(frequencies: np.ndarray, turn: int) -> np.ndarray:
    """The frequencies of the turned views, without turning any: a mirror changes signs, a quarter turn swaps axes."""
    sign = np.where(np.arange(_SPAN) % 2, -1.0, 1.0).astype(np.float32)
    mirrored, quarters = divmod(turn, 4)
    result = frequencies * sign if mirrored else frequencies
    for _ in range(quarters):  # counter-clockwise: transposed, then upside down
        result = result.transpose(0, 2, 1) * sign[:, None]
    return result


def _bits(frequencies: np.ndarray) -> np.ndarray:
    """bool (N, BITS)."""
    return frequencies[:, _ROW, _COLUMN] > 0


def _packed(bits: np.ndarray) -> np.ndarray:
    """Bits (N, BITS) as uint64 (N, 2), the spare ones 0."""
    whole = np.zeros((len(bits), 128), bool)
    whole[:, :BITS] = bits
    return np.packbits(whole, axis=1).view(np.uint64)


def _keys(bits: np.ndarray) -> np.ndarray:
    """Bits (N, width) as one whole number each."""
    return bits @ (1 << np.arange(bits.shape[1], dtype=np.int64))


def _sorted_keys(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keys = _keys(bits)
    order = np.argsort(keys, kind="stable")
    return keys[order], order
