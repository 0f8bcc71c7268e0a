"""Pictures that occur twice: the same bytes, the same pixels, or nearly the same in any of eight positions.

Equal files and equal pixels are told by their hashes. What is nearly the same is guessed by `candidates`, and what the
guessed share in fine structure decides.
"""

import numpy as np
import pandas as pd

from scanbook.loaders import candidates
from scanbook.loaders.views import TURNS, WHOLE, detail, inner_likeness, turned

NEAR = 0.85  # correlation of fine structure from which two pictures are near copies; other patients stay below
INNER = 0.8  # and as much of it away from the edges of empty areas, which all pictures of a machine share
SAME = 0.98  # and from which they are one picture: what is left is compression
_AT_ONCE = 2_000  # pairs of views held at once: 20 MB an array of numbers
COLUMNS = ("a", "b", "kind", "turn", "likeness")


def find_pairs(
    sha256: np.ndarray, pixel_hash: np.ndarray, views: np.ndarray, rows: np.ndarray | None = None
) -> pd.DataFrame:
    """Every picture that occurs twice.

    sha256, pixel_hash  (N,) texts of the files
    views               uint8 (M, 2, SIDE, SIDE), see `views.views_of`
    rows                int (N,), where in `views` each file's lie; None: file by file

    Returns a, b (places among the N files, a < b), kind ("same file", "same pixels", "near"), turn (of TURNS: how a must
    be turned to look like b) and likeness (correlation of fine structure, 1 for equal pixels), sorted by a and b. Of n
    equal files the first is paired with each other one, and only the first is compared with different ones.
    """
    first = _first_with(pixel_hash)
    copies = np.flatnonzero(first != np.arange(len(first)))
    same_file = sha256[copies] == sha256[first[copies]]
    equal = pd.DataFrame({"a": first[copies], "b": copies, "kind": np.where(same_file, "same file", "same pixels"),
                          "turn": TURNS[0], "likeness": 1.0})  # fmt: skip
    originals = np.flatnonzero(first == np.arange(len(first)))
    near = near_pairs(views, originals if rows is None else rows[originals])
    near = near.assign(a=originals[near["a"]], b=originals[near["b"]], kind="near",
                       turn=np.array(TURNS)[near["turn"]])  # fmt: skip
    pairs = pd.concat([equal, near])[list(COLUMNS)] if len(near) else equal
    return pairs.sort_values(["a", "b"], ignore_index=True)


def near_pairs(views: np.ndarray, rows: np.ndarray | None = None) -> pd.DataFrame:
    """Pairs a < b of different images with a likeness of NEAR or more in some turn: a, b, turn (0 to 7), likeness.

    rows  int (N,), the views to compare; a and b are places among them. None: all
    """
    rows = np.arange(len(views)) if rows is None else rows
    pool = candidates.Pool(views, rows)
    parts = [np.zeros((4, 0))]
    for entries, others, turn in pool.guess(NEAR):
        for start in range(0, len(entries), _AT_ONCE):
            first, second = entries[start : start + _AT_ONCE], others[start : start + _AT_ONCE]
            a, b = pool.place[first], pool.place[second]
            one, other = turned(views[rows[a], pool.which[first]], turn), views[rows[b], pool.which[second]]
            alike = (detail(one) * detail(other)).sum(1)
            near = np.flatnonzero(alike >= NEAR)
            near = near[inner_likeness(one[near], other[near]) >= INNER]
            parts.append(np.stack([a[near], b[near], np.full(len(near), turn), alike[near]]))
    a, b, turn, alike = np.concatenate(parts, axis=1)
    order = np.lexsort((turn, -alike, b, a))  # of each pair the likest turn, of equal ones the plainest
    a, b, turn, alike = a[order], b[order], turn[order], alike[order]
    best = np.concatenate([[True], (np.diff(a) != 0) | (np.diff(b) != 0)])[: len(a)]
    table = pd.DataFrame({"a": a[best], "b": b[best], "turn": turn[best], "likeness": np.minimum(alike[best], 1.0)})
    return table.astype({"a": np.int64, "b": np.int64, "turn": np.int64, "likeness": np.float64})


def likeness(views: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation of fine structure, as they are, of the whole views of rows a with those of rows b: float (len(a),)."""
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(a), _AT_ONCE)]
    found = [(detail(views[a[part], WHOLE]) * detail(views[b[part], WHOLE])).sum(1) for part in parts]
    return np.concatenate(found) if found else np.zeros(0)


def _first_with(texts: np.ndarray) -> np.ndarray:
    """For each row the first row that holds the same text."""
    _, first, which = np.unique(texts, return_index=True, return_inverse=True)
    return first[which]
