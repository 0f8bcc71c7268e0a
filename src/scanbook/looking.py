"""Where the finished networks look, and whether their maps are evidence: joins runs, images, lesion masks and checks.

A map belongs to one trained network: of each arm the first seed is asked, and in cross-validation each test image is
explained by the network of its own fold, which has not seen its group.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from scanbook import asking, evidence, record
from scanbook.metrics import maps as judging
from scanbook.metrics.scores import class_probs
from scanbook.models import attribution, map_checks
from scanbook.models.networks import Network
from scanbook.names import MAIN
from scanbook.plan import Run

if TYPE_CHECKING:
    from scanbook.study import Study

STEPS = 3  # of the cascade
FRESH = 1001  # seed of the weights drawn anew and of random orders
CASCADE = "map_cascade"


@dataclass
class Maps:
    """What was found out about the maps of a study.

    checks    one row an arm and check: arm, network, and the columns of `metrics.maps.judge`
    verdicts  arm -> (one of `metrics.maps.STATES`, the sentence)
    scores    rows of scores.csv
    """

    checks: pd.DataFrame
    verdicts: dict[str, tuple[str, str]]
    scores: pd.DataFrame


def examine(
    network: Network, images: torch.Tensor, classes: Sequence[int], *, explain: map_checks.Explain = attribution.grad_cam,
    shuffled: Network | None = None, seed: int = FRESH, steps: int = STEPS,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Ask a network's maps all questions of `metrics.maps.CHECKS`, image by image.

    network   trained
    images    float (N, C, H, W) in [0, 1]
    classes   int (N,), the classes to explain, usually the predicted ones
    explain   what makes the maps; another than Grad-CAM to put that one to the test
    shuffled  a network of the same kind, trained on shuffled labels; None: not asked

    Returns metric -> float64 (N,); besides the checks map_cascade:WORDS for each step of the cascade.
    """
    own = explain(network, images, classes).numpy()
    cells = own.shape[-1]
    drawn = map_checks.cascade(network, images, classes, seed=seed, steps=steps, explain=explain)
    found = {f"{CASCADE}:{words}": judging.likeness(own, maps) for words, maps in drawn.items()}
    found["map_randomised"] = list(found.values())[-1]
    if shuffled is not None:
        found["map_shuffled"] = judging.likeness(own, explain(shuffled, images, classes).numpy())
    found["map_edges"] = judging.likeness(own, map_checks.edge_map(None, images, cells=cells).numpy())
    found["map_blob"] = judging.likeness(own, map_checks.blob_map(len(own), cells).numpy())
    kept = map_checks.deletion(network, images, classes, own, seed=seed)
    found["map_deletion"] = kept[:, 1] - kept[:, 0]
    return found


def judged(
    found: dict[str, np.ndarray],
    groups: Sequence[str],
    labels: Sequence[str],
    name: str,
    unit: str = "groups",
    guessing: bool = False,
) -> tuple[pd.DataFrame, tuple[str, str], pd.DataFrame]:
    """From `examine`'s numbers to words: the checks with their outcomes, state and sentence, and all rows with intervals."""
    rows = judging.rows_of(found, groups, labels, unit)
    checks = judging.judge(rows)
    return checks, judging.verdict(checks, name, guessing=guessing), pd.DataFrame(rows)


def checks(study: "Study") -> Maps:
    """The checks of each main arm's maps on `evidence.maps` test images, the predicted class explained."""
    tables, verdicts, scores = [], {}, []
    for arm in study.done_arms(*MAIN):
        asked = chosen(predicted(study, arm), study.experiment.evidence.maps)
        name, parts = study.label_of(arm), []
        try:
            for run, network, rows in networks_of(study, arm, asked):
                images, classes = pixels(study, run, rows), rows["predicted"].to_numpy()
                parts.append(examine(network, images, classes, shuffled=_shuffled(study, run)))
        except attribution.NoMap as error:
            verdicts[arm] = judging.STATES[2], f"The map of {name} is not shown: {error}."
            continue
        common = [metric for metric in parts[0] if all(metric in part for part in parts)]
        found = {metric: np.concatenate([part[metric] for part in parts]) for metric in common}
        asked = asked.sort_values("fold", kind="stable")  # as the networks were asked
        auroc = record.score(study.scores, arm, "auroc")
        guessing = auroc is None or not auroc["low"] > 0.5  # also where the groups are too few for an interval
        table, verdicts[arm], rows_found = judged(
            found, asked["group"].tolist(), asked["label"].tolist(), name, study.experiment.data.unit, guessing
        )
        tables.append(table.assign(arm=arm, network=name))
        scores.append(score_rows(study, arm, rows_found))
    return Maps(
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(),
        verdicts,
        pd.concat(scores, ignore_index=True) if scores else pd.DataFrame(),
    )


def predicted(study: "Study", arm: str) -> pd.DataFrame:
    """The test images of one arm's first seed: image_id, group, label, fold, row, truth, predicted and the probabilities."""
    table = study.test_predictions(arm)
    table = table[table["seed"] == table["seed"].min()].reset_index(drop=True)
    probs = class_probs(table, study.classes)
    row_of = pd.Series(study.data.used.index, index=study.data.used["image_id"])
    return table[["image_id", "group", "label", "fold", "seed"]].assign(
        row=row_of.loc[table["image_id"]].to_numpy(), truth=table["label"].map(study.classes.index),
        predicted=probs.argmax(1), **{f"p_{name}": probs[:, k] for k, name in enumerate(study.classes)},
    )  # fmt: skip


def chosen(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many of the images, classes in turn and groups in turn within a class, by a hash of the names."""
    order = table["image_id"].map(lambda name: hashlib.sha256(name.encode()).hexdigest())
    table = table.assign(_order=order).sort_values("_order")
    table = table.assign(_turn=table.groupby(["label", "group"]).cumcount()).sort_values(["_turn", "_order"])
    table = table.assign(_place=table.groupby("label").cumcount()).sort_values(["_place", "label"])
    return table.head(most).drop(columns=["_order", "_turn", "_place"]).reset_index(drop=True)


def networks_of(study: "Study", arm: str, table: pd.DataFrame) -> Iterator[tuple[Run, Network, pd.DataFrame]]:
    """Each network of an arm's first seed that is to be asked, with its rows of the table, folds in order."""
    for fold, rows in table.groupby("fold", sort=True):
        run = next(r for r in study.runs if r.arm.name == arm and r.fold == fold and r.seed == rows["seed"].iloc[0])
        yield run, asking.network_of(study, run), rows


def pixels(study: "Study", run: Run, rows: pd.DataFrame) -> torch.Tensor:
    """float (N, C, S, S) in [0, 1] of some test images, as the run's network sees them."""
    images = study.data.images(run.arm.image)[rows["row"].to_numpy()]
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


def _shuffled(study: "Study", run: Run) -> Network | None:
    """The network of the same kind and fold that was trained on shuffled labels, if there is a finished one."""
    for other in study.runs:
        arm = other.arm
        alike = (arm.network, arm.image, other.fold) == (run.arm.network, run.arm.image, run.fold)
        if arm.training.labels == "shuffled" and alike and study.run_folder(other).done:
            return asking.network_of(study, other)
    return None


def score_rows(study: "Study", arm: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of scores.csv; the steps of the cascade are one metric, and the step is its variant."""
    step = rows["metric"].str.partition(":")
    found: Any = evidence.rows(study, arm, rows.assign(metric=step[0]))
    seed = study.test_predictions(arm)["seed"].min()
    return found.assign(variant=step[2].to_numpy(), seed=str(seed))
