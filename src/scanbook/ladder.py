"""How far a score falls when the test images are a little darker, softer, noisier …: the ladder of `loaders.shifts`.

Nothing is trained: the networks that the page compares are loaded as they were kept, and answer the test part again
under each shift. The images that a network sees are shifted as they come out of preparation.
"""

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scanbook import asking, evidence
from scanbook.loaders import shifts
from scanbook.loaders.manifest import available_cores
from scanbook.metrics import scores as scoring
from scanbook.metrics import verdicts
from scanbook.names import PAIR, pretty
from scanbook.plan import Run
from scanbook.study import Study

METRICS = ("auroc", "accuracy")
MARGIN = 0.02  # where no comparison of the two networks states one
AT_ONCE = 64  # images that are shifted together


@dataclass(frozen=True)
class Ladder:
    """What the ladder found.

    shifts, steps   of `loaders.shifts`, as far as this profile goes; left_out: the shifts that it does not try
    predictions     as predictions.csv, `variant` "shift:blur:2" for the second step of blur
    scores          rows of scores.csv: AUROC and accuracy under every shift, and how much each has changed
    changes         one row an arm and shift, at its strongest step: the paired difference to the images as they are, judged
    """

    shifts: list[str]
    steps: list[int]
    left_out: list[str]
    predictions: pd.DataFrame
    scores: pd.DataFrame
    changes: pd.DataFrame


def climb(study: Study) -> Ladder:
    """Predict the test part of ResNet and VGG under every shift and step that the profile asks for, and score it.

    evidence.shifts says which shifts (empty: all), evidence.strengths how many steps of each. Compared with the images
    as they are is the strongest step alone, Holm over all of them: the steps of one shift would be one question asked
    several times. Raises RuntimeError when neither network is finished.
    """
    names, taken = asked(study)
    arms = study.done_arms(*PAIR)
    if not arms:
        raise RuntimeError("neither ResNet nor VGG is finished, so there is nothing to shift: call study.train() first")
    predictions = pd.concat(_predicted(study, arms, names, taken), ignore_index=True)
    tables, judged = [], []
    for (arm, variant), rows in predictions.groupby(["arm", "variant"], sort=False):
        found = scoring.score_table(
            rows, study.classes, study.experiment.data.positive, unit=study.experiment.data.unit
        )
        found = pd.concat([_strength(variant, len(rows)), found[found["metric"].isin(METRICS)]], ignore_index=True)
        tables.append(evidence.rows(study, arm, found, variant=variant))
        if variant.endswith(f":{taken[-1]}"):
            judged.append({**_change(study, arm, rows, variant), "arm": arm, "variant": variant})
    changes = pd.DataFrame(verdicts.correct(judged))
    tables += [_as_scores(study, row) for _, row in changes.iterrows()]
    left_out = [name for name in shifts.SHIFTS if name not in names]
    return Ladder(names, taken, left_out, predictions, pd.concat(tables, ignore_index=True), changes)


def asked(study: Study) -> tuple[list[str], list[int]]:
    """The shifts and the steps of each that the profile asks for."""
    spec = study.experiment.evidence
    return [str(name) for name in spec.shifts] or list(shifts.SHIFTS), shifts.steps(spec.strengths)


def variant_of(name: str, step: int) -> str:
    """What predictions and scores call one step of one shift."""
    return f"shift:{name}:{step}"


def _predicted(study: Study, arms: Iterable[str], names: list[str], taken: list[int]) -> Iterator[pd.DataFrame]:
    """Predictions of all runs that see the same images together, so that each shift is made once for all of them."""
    together: dict[tuple, list[Run]] = {}
    for run in study.runs:
        if run.arm.name in arms:
            together.setdefault((run.scheme, run.fold, run.arm.image.model_dump_json()), []).append(run)
    data = study.data
    for (scheme, fold, _), runs in together.items():
        rows, image = data.rows(scheme, fold, "test"), runs[0].arm.image
        images, part = data.images(image), data.used.loc[rows]
        boxes = shifts.picture_boxes(part["width"], part["height"], image.size, image.fit)
        networks = [asking.network_of(study, run) for run in runs]
        for name, step in itertools.product(names, taken):
            logits: list[list[np.ndarray]] = [[] for _ in runs]
            for shifted in _shifted(images, rows, list(part["image_id"]), boxes, name, step):
                for run, network, answers in zip(runs, networks, logits, strict=True):
                    answers.append(asking.logits(study, run, network, shifted))
            for run, answers in zip(runs, logits, strict=True):
                found = np.concatenate(answers)
                table = part[["image_id", "group"]].assign(
                    split="test", scheme=scheme, fold=fold, arm=run.arm.name, network=run.arm.network, seed=run.seed,
                    variant=variant_of(name, step), label=data.corrected.loc[rows],
                )  # fmt: skip
                yield table.assign(**{f"logit_{c}": found[:, k] for k, c in enumerate(study.classes)})


def _shifted(
    images: np.ndarray, rows: np.ndarray, image_ids: list[str], boxes: np.ndarray, name: str, step: int
) -> Iterator[np.ndarray]:
    """The shifted rows in pieces, as many at a time as there are cores."""

    def piece(start: int) -> np.ndarray:
        some = slice(start, start + AT_ONCE)
        picked = np.asarray(images[rows[some]])
        return shifts.apply(picked, name, step, seed=0, image_ids=image_ids[some], boxes=boxes[some])

    workers = min(4, available_cores())
    with ThreadPoolExecutor(workers) as pool:
        starts = range(0, len(rows), AT_ONCE)
        for first in range(0, len(starts), workers):  # no further ahead: a large test part need not fit into memory
            yield from pool.map(piece, starts[first : first + workers])


def _strength(variant: str, n_images: int) -> pd.DataFrame:
    """How strong a step is, as a row of scores.csv, so that the record needs no other file to be read."""
    _, name, step = variant.split(":")
    shift, nan = shifts.SHIFTS[name], float("nan")
    row = {"metric": "strength", "value": shift.strengths[int(step) - 1], "low": nan, "high": nan, "n_images": n_images,
           "n_groups": nan, "method": f"set: {shift.unit}"}  # fmt: skip
    return pd.DataFrame([row])


def _change(study: Study, arm: str, shifted: pd.DataFrame, variant: str) -> dict:
    """The paired difference of the shifted images to the images as they are, of one arm."""
    margins = [c.margin for c in study.experiment.comparisons if {c.a, c.b} == set(PAIR)]
    words = pretty(study.experiment.arms[arm].network)
    return verdicts.compare(
        shifted, study.test_predictions(arm), study.classes, study.experiment.data.positive, "auroc",
        margins[0] if margins else MARGIN, name_a=f"{words}, {in_words(variant)},", name_b="the images as they are",
        unit=study.experiment.data.unit, assignment=study.experiment.name,
    )  # fmt: skip


def in_words(variant: str) -> str:
    """shift:blur:6 -> blur 4 %."""
    _, name, step = variant.split(":")
    shift = shifts.SHIFTS[name]
    return shift.written.format(shift.strengths[int(step) - 1])


def _as_scores(study: Study, row: pd.Series) -> pd.DataFrame:
    method = f"paired over {row['n_groups']} {study.experiment.data.unit}, minus the images as they are"
    about = {"n_images": row["n_images"], "n_groups": row["n_groups"]}
    found = [
        {
            "metric": "auroc_change",
            "value": row["difference"],
            "low": row["low"],
            "high": row["high"],
            "method": method,
        },
        {"metric": "auroc_change_p", "value": row["p_holm"], "method": "permutation by group, Holm over the ladder"},
    ]
    return evidence.rows(study, row["arm"], pd.DataFrame(found).assign(**about), variant=row["variant"])
