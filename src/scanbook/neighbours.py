"""What a network holds for alike: features of one run's images, their nearest training images, and a map of them.

Leakage and wrong labels are seen with one's own eyes here: a mistake whose nearest training image is the same patient, or
carries the other label and looks the same.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scanbook import asking
from scanbook.fitting import training_rows
from scanbook.names import MAIN
from scanbook.plan import Run

if TYPE_CHECKING:
    from scanbook.study import Study

DRAWN = 150  # points of each part at most: more lie on each other
KINDS = {
    "worst": "highest loss",
    "sure": "wrong, and most confident",
    "near": "nearest the threshold",
    "right": "right, and most confident",
}


def main_arm(study: "Study") -> str | None:
    """The arm whose mistakes are shown: ResNet, else VGG, else the source's; None where none is finished."""
    return next(iter(study.done_arms(*MAIN)), None)


def features(study: "Study", run: Run, tested: np.ndarray, *, training: bool = True) -> np.ndarray:
    """float32 (N, F): penultimate features of some test rows, and of the run's training images; NaN for the others."""
    rows = np.concatenate([training_rows(run, study.data), tested]) if training else tested
    return asking.last_features(study, run, study.data.images(run.arm.image), rows)


def first_features(study: "Study") -> tuple[Run, np.ndarray]:
    """The main arm's run of the first fold and seed, with the features that the map shows; asked once for all."""
    arm = main_arm(study)
    run = next(r for r in study.runs if r.arm.name == arm)
    return run, features(study, run, some(study, study.data.rows(run.scheme, run.fold, "test")))


def some(study: "Study", rows: np.ndarray) -> np.ndarray:
    """At most `DRAWN` of the rows, by a hash of the images' names."""
    names = study.data.used.loc[rows, "image_id"]
    order = names.map(lambda name: hashlib.sha256(name.encode()).hexdigest()).sort_values()
    return order.index[:DRAWN].to_numpy()


def nearest(found: np.ndarray, rows: np.ndarray, among: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """For each row the rows among others that lie nearest: by the cosine of their features' angle, highest first.

    found  float (N, F)
    rows   int (n,); among int (m,)

    Returns rows int (n, most) and cosines float (n, most); fewer columns where there are fewer others.
    """
    length = np.linalg.norm(found, axis=1, keepdims=True)
    unit = np.divide(found, length, out=np.zeros_like(found), where=length > 0)
    cosines = unit[rows] @ unit[among].T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :most]
    return among[order], np.take_along_axis(cosines, order, axis=1)


def mistakes(table: pd.DataFrame, classes: list[str], each: int) -> pd.DataFrame:
    """Test images worth a look, of four kinds: the `kind` column says which, see `KINDS`. Of one kind each
    is of another group, and no image comes twice.

    table  as `looking.predicted`; each, how many of a kind at most

    worst has the highest loss, right or wrong; sure is wrong with the highest probability; near has the two likeliest
    classes closest together; right is right with the highest probability. With two classes the worst answers are the
    surest wrong ones, and `sure` goes on from there.
    """
    probs = table[[f"p_{name}" for name in classes]].to_numpy()
    ranked = np.sort(probs, axis=1)[:, ::-1]
    loss = -np.log(np.maximum(probs[np.arange(len(table)), table["truth"]], 1e-12))
    table = table.assign(loss=loss, probability=ranked[:, 0], margin=ranked[:, 0] - ranked[:, 1])
    wrong = (table["predicted"] != table["truth"]).to_numpy()
    orders: dict[str, np.ndarray] = {
        "worst": np.argsort(-loss, kind="stable"),
        "sure": np.array([i for i in np.argsort(-ranked[:, 0], kind="stable") if wrong[i]], dtype=int),
        "near": np.argsort(table["margin"], kind="stable"),
        "right": np.array([i for i in np.argsort(-ranked[:, 0], kind="stable") if not wrong[i]], dtype=int),
    }
    taken: list[int] = []
    parts, groups = [], table["group"].to_numpy()
    for kind, order in orders.items():
        left = pd.Series([int(i) for i in order if i not in taken], dtype=int)
        own = left[~pd.Series(groups[left]).duplicated()].head(each).tolist()
        taken += own
        parts.append(table.iloc[own].assign(kind=kind))
    return pd.concat(parts, ignore_index=True)


def with_neighbours(study: "Study", arm: str, table: pd.DataFrame, most: int) -> pd.DataFrame:
    """One row a neighbour: the columns of `mistakes`, and `neighbour` (its row in the image array), `cosine`."""
    first, known = study.evidence.ask(first_features)
    parts = []
    for fold, asked in table.groupby("fold", sort=True):
        run = next(r for r in study.runs if r.arm.name == arm and r.fold == fold and r.seed == asked["seed"].iloc[0])
        rows = asked["row"].to_numpy()
        if run.name == first.name:
            found, missing = known, rows[np.isnan(known[rows, 0])]
            if len(missing):
                found = np.where(np.isnan(known), features(study, run, missing, training=False), known)
        else:
            found = features(study, run, rows)
        others, cosines = nearest(found, rows, training_rows(run, study.data), most)
        for i, row in enumerate(asked.to_dict("records")):
            parts += [
                {**row, "neighbour": int(k), "cosine": float(c)} for k, c in zip(others[i], cosines[i], strict=True)
            ]
    return pd.DataFrame(parts)


def principal(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two directions in which features differ most: places float64 (N, 2), and the share of the variance of each.

    found  float (N, F), centred here; the sign of a direction is chosen so that its largest part is positive
    """
    centred = found.astype(float) - found.mean(0, dtype=float)
    u, size, directions = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])
    places = np.zeros((len(found), 2))
    kept = min(2, len(size))
    places[:, :kept] = (u * size * np.where(signs == 0, 1, signs))[:, :kept]
    shares = np.zeros(2)
    shares[:kept] = size[:kept] ** 2 / max(float((size**2).sum()), 1e-300)
    return places, shares
