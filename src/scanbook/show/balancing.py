"""What was done for rare classes: counts before and after, weights, synthetic images, and the first loss with a bias."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from PIL.Image import Image

from scanbook.experiment import Arm
from scanbook.fitting import learned_labels, training_rows
from scanbook.loaders.balance import BLENDED, WEIGHTED
from scanbook.loaders.blending import Blends, mix, smote
from scanbook.names import one
from scanbook.plan import Run
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table
from scanbook.study import Study

AFFORDED = 2e11  # products of two pixels in the search for neighbours: some ten seconds on one core
CLASSES = 4  # of which blends are shown, the rarest
EACH = 2  # blends a class, each beside its two parents
LEAST = 720  # px below which a wide sheet is scrolled, not shrunk


def balance(study: Study) -> Plate:
    """What each arm's balance made of its training part, with blends beside their parents where SMOTE has any to make.

    Numbers are those that the finished trainings kept of themselves, of the first fold and seed of each arm.
    """
    about = {"title": "What was done for rare classes", "key": "balance", "src": "state.json"}
    done = study.states[study.states["state"] == "done"].drop_duplicates("arm").set_index("arm")
    if done.empty:
        nothing = pd.DataFrame({"what": ["finished trainings"], "number": [0]})
        return show_table(nothing, "No training is finished, so there is nothing to count yet.", **about)
    arms = {name: study.experiment.arms[name] for name in done.index}
    table = _table(study, arms, done)
    words = ["Counted are training images, of the first fold and seed of each arm.", *_about_weights(arms.values())]
    for name, arm in arms.items():
        if arm.training.balance in BLENDED:
            words += _fewer(study, name, arm, done.loc[name, "neighbours"], done.loc[name, "train_of_class"])
    words += _about_bias(study, arms, done)
    run = _to_blend(study, arms)
    blends = _blends(study, run)
    if isinstance(blends, str):
        return show_table(table, " ".join([*words, blends]), **about)
    picture, alt = _picture(study, run, blends)
    words.append("The pictures: a training image, its blend with a neighbour, and that neighbour; of each class the blends "
                 "nearest to half and half. A blend is not anatomy: one body shines through another.")  # fmt: skip
    groups, unit = study.data.used["group"].to_numpy(), study.experiment.data.unit
    if unit != "images":
        within = int((groups[blends.first] == groups[blends.second]).sum())
        words.append(f"Of {len(blends)} blends {within} lie between two images of the same {one(unit)}.")
    if run.arm.training.balance in BLENDED:
        words.append(f"{run.arm.name} was trained on them.")
    else:
        words.append("No training of this profile used any; these are drawn to be looked at.")
    least = LEAST if picture.width > LEAST else 0
    return Plate(picture, " ".join(words), alt, table, kind="photo", least=least, **about)


def _table(study: Study, arms: Mapping[str, Arm], done: pd.DataFrame) -> pd.DataFrame:
    """One row for the arms that were balanced alike on the same counts."""
    rows: dict[tuple, list[str]] = {}
    for name, arm in arms.items():
        facts = done.loc[name]
        before, shown = facts["train_of_class"], facts["shown"]
        weights = facts["class_weights"]
        rows.setdefault((
            arm.training.balance + (" and initial bias" if arm.training.initial_bias else ""),
            _of_classes(study, before), _shown(study, arm.training.balance, before, shown),
            _of_classes(study, [f"{weight:.2f}" for weight in weights]) if _known(weights) else "1 each",
        ), []).append(name)  # fmt: skip
    columns = ("arms", "balance", "training images", "an epoch shows", "weights in the loss")
    return pd.DataFrame([(", ".join(names), *key) for key, names in rows.items()], columns=columns)


def _shown(study: Study, balance: str, before: Sequence[int], shown: Mapping) -> str:
    after = [int(n) for n in shown["shown_of_class"]]
    how = {"sampler": "drawn anew each epoch", "augmented": f"{sum(after) - sum(before)} of them shown again"}
    if shown["synthetic"]:
        how[balance] = f"{shown['synthetic']} of them synthetic"
    if after == list(before):
        return "as they are"
    return f"{_of_classes(study, after)}; {how[balance]}"


def _of_classes(study: Study, values: Sequence) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(study.classes, values, strict=True))


def _known(value: object) -> bool:
    """Whether a cell of the states holds a list; a run without weights wrote None, which a table reads as nan."""
    return isinstance(value, list)


def _about_weights(arms: Iterable[Arm]) -> list[str]:
    found = {arm.training.balance for arm in arms} & set(WEIGHTED)
    counted = ("Weights are n / (number of classes × n of the class), from the counts of real training images before "
               "anything is added: counted afterwards all would be 1.")  # fmt: skip
    twice = "With SMOTE beside them a rare class is so favoured twice."
    return [counted] * bool(found) + [twice] * ("smote_and_weights" in found)


def _fewer(study: Study, name: str, arm: Arm, used: Mapping[str, int], counts: Sequence[int]) -> list[str]:
    """Where a class was too small for the neighbours that were asked for."""
    asked, of_class = arm.training.resample.neighbours, dict(zip(study.classes, counts, strict=True))
    return [f"In {name} SMOTE chose among {n} neighbours of each {label} image, not {asked}: there are {of_class[label]} of "
            f"them." for label, n in used.items() if n < asked]  # fmt: skip


def _about_bias(study: Study, arms: Mapping[str, Arm], done: pd.DataFrame) -> list[str]:
    """What the class shares alone are worth, and the first epoch of two arms that differ in the bias alone."""
    words = []
    for name, arm in arms.items():
        if not arm.training.initial_bias or arm.training.loss != "cross_entropy":
            continue
        facts = study.facts.set_index("key")["value"]
        words.append(f"{name} starts with the class shares as its answer: given for every training image they cost a loss "
                     f"of {facts[f'{name}_share_loss']:.3f}, even odds {facts['even_odds_loss']:.3f}.")  # fmt: skip
        for other in (other for other in arms if _differ_in_bias(arm, arms[other])):
            with_bias, without = (_first_epoch(study, one) for one in (name, other))
            words.append(f"After the first epoch its validation loss is {with_bias['val_loss']:.3f} and its training loss "
                         f"{with_bias['train_loss']:.3f}; without the bias (arm {other}) they are "
                         f"{without['val_loss']:.3f} and {without['train_loss']:.3f}.")  # fmt: skip
    return words


def _differ_in_bias(arm: Arm, other: Arm) -> bool:
    settings = [one.model_dump(exclude={"name", "about", "seeds"}) for one in (arm, other)]
    biased = [one["training"].pop("initial_bias") for one in settings]
    return settings[0] == settings[1] and biased == [True, False]


def _first_epoch(study: Study, arm: str) -> pd.Series:
    """Losses of epoch 1 in the first fold and seed of an arm; both are unweighted, so that they compare."""
    return study.history[(study.history["arm"] == arm) & (study.history["epoch"] == 1)].iloc[0]


def _to_blend(study: Study, arms: Mapping[str, Arm]) -> Run:
    """The training whose blends are shown: the first with SMOTE that is finished, else the first there is."""
    blended = [run for run in study.runs if run.arm.training.balance in BLENDED and run.arm.name in arms]
    return (blended or study.runs)[0]


def _blends(study: Study, run: Run) -> Blends | str:
    """The blends of one training, made again as it made them; or why there are none to see."""
    rows, labels = training_rows(run, study.data), learned_labels(run, study.data)
    images, counts = study.data.images(run.arm.image), np.bincount(labels[rows], minlength=len(study.classes))
    most = max((int(n) for n in counts if n < counts.max()), default=0)
    if not most:
        return "All classes are equally common, so SMOTE has nothing to add."
    if most**2 * float(np.prod(images.shape[1:])) > AFFORDED:
        return f"Blends are not drawn here: to find the neighbours of {most:,} images again would take too long."
    try:
        return smote(images, labels, rows, len(counts), run.arm.training.resample.neighbours, run.seed)
    except ValueError as error:
        return f"No blends can be drawn: {error}."


def _picture(study: Study, run: Run, blends: Blends) -> tuple[Image, str]:
    """A row a class of parent, blend, parent; and the same in words."""
    images, groups = study.data.images(run.arm.image), study.data.used["group"]
    made = np.bincount(blends.labels, minlength=len(study.classes))
    pixels, labels, captions, told = [], [], [], []
    for k in [k for k in np.argsort(-made, kind="stable") if made[k]][:CLASSES]:
        own = np.flatnonzero(blends.labels == k)
        for i in own[np.argsort(-blends.share[own], kind="stable")][:EACH]:
            first, second, share = int(blends.first[i]), int(blends.second[i]), float(blends.share[i])
            pixels += [images[first], mix(images, blends.at([i]))[0], images[second]]
            labels += [study.classes[k]] * 3
            captions += [study.data.names.group(groups[first]), f"blend: {1 - share:.0%} left, {share:.0%} right",
                         study.data.names.group(groups[second])]  # fmt: skip
            told.append(study.classes[k])
    alt = f"{len(told)} synthetic images, each between its two parents: {'; '.join(told)}."
    return figures.samples_by_class(np.stack(pixels), labels, captions), alt
