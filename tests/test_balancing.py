"""What a page says about rare classes is what the trainings did: each policy trained once on a handful of images."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from scanbook import show
from scanbook.study import open_study

PATIENTS = {"rare": 6, "some": 14, "many": 24}  # of two images each
SET = {"rotate_deg": 5.0}
ARMS = {
    "nothing": {}, "weighed": {"training.balance": "class_weights"}, "drawn": {"training.balance": "sampler"},
    "copied": {"training.balance": "augmented"}, "blended": {"training.balance": "smote"},
    "both": {"training.balance": "smote_and_weights"}, "random": {"scheme": "random", "training.balance": "class_weights"},
    "biased": {"training.initial_bias": True},
}  # fmt: skip
TOY = {
    "title": "Toy", "question": "Which?",
    "data": {"folder": "toy", "layout": "class_folders", "classes": list(PATIENTS), "group": r"^(p\d+)_"},
    "split": {"fractions": [0.5, 0.25, 0.25], "folds": 1},
    "image": {"size": 32, "normalise": "training"},
    "training": {"batch": 8, "threads": 1, "stages": [{"train": "all", "epochs": 1, "rate": 0.001}],
                 "resample": {"sets": [SET], "neighbours": 9}},
    "arms": {name: {"network": "small_cnn", **changes} for name, changes in ARMS.items()},
    "profiles": {"sample": {"images": "folder"}},
}  # fmt: skip


def make(root, patients, **changes):
    rng = np.random.default_rng(0)
    for label, n in patients.items():
        folder = root / "sets" / "toy" / label
        folder.mkdir(parents=True)
        for i in range(2 * n):
            pixels = rng.integers(0, 256, (40, 40), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"p{sum(map(ord, label))}{i // 2:02d}_{i}.png")
    (root / "params").mkdir()
    (root / "params" / "toy.yaml").write_text(yaml.safe_dump({**TOY, **changes}, sort_keys=False))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The study of the toy, its plate, and the plate's words and table."""
    root = tmp_path_factory.mktemp("balancing")
    make(root, PATIENTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(root / "sets"))
        patch.chdir(root)
        study = open_study("toy")
        study.train()
        plate = show.balance(study)
    table = plate.table.assign(arm=plate.table["arms"].str.split(", ")).explode("arm").set_index("arm")
    states = study.states.set_index("arm")
    assert set(states["state"]) == {"done"}, states["reason"].dropna().tolist()
    return SimpleNamespace(study=study, plate=plate, table=table, states=states)


def counts(text):
    return [int(n) for n in re.findall(r"(?:rare|some|many) (\d+)", text)]


def test_every_arm_is_counted_once_before_and_after(trained):
    assert sorted(trained.table.index) == sorted(ARMS)
    labels, split = trained.study.data.used.set_index("image_id")["label"], trained.study.data.split("grouped")
    train = split.loc[split["split"] == "train", "image_id"]
    own = [int((labels[train] == name).sum()) for name in PATIENTS]
    assert own[0] < own[1] < own[2]
    for arm in set(ARMS) - {"random"}:
        assert counts(trained.table.loc[arm, "training images"]) == own
    level, shown = [max(own)] * 3, trained.table["an epoch shows"]
    for arm in ("nothing", "weighed", "biased"):
        assert shown[arm] == "as they are"
    for arm, words in {"copied": "shown again", "blended": "synthetic", "both": "synthetic"}.items():
        assert counts(shown[arm]) == level
        assert shown[arm].endswith(f"; {sum(level) - sum(own)} of them {words}")
    drawn = counts(shown["drawn"])
    assert sum(drawn) == sum(own)
    assert max(drawn) - min(drawn) <= 1


def test_weights_come_from_the_real_counts_also_beside_smote(trained):
    weights = trained.table["weights in the loss"]
    own = np.array(counts(trained.table.loc["both", "training images"]))
    said = [float(n) for n in re.findall(r"\d+\.\d\d", weights["both"])]
    assert said == pytest.approx(own.sum() / 3 / own, abs=0.006)
    assert weights["weighed"] == weights["both"]
    assert set(weights[["nothing", "drawn", "copied", "blended"]]) == {"1 each"}
    assert "counts of real training images before anything is added" in trained.plate.caption
    assert "favoured twice" in trained.plate.caption


def test_a_class_too_small_for_its_neighbours_is_noted(trained):
    own = dict(zip(PATIENTS, counts(trained.table.loc["blended", "training images"]), strict=True))
    assert own["rare"] < 10 <= own["some"]
    for arm in ("blended", "both"):
        note = f"In {arm} SMOTE chose among {own['rare'] - 1} neighbours of each rare image, not 9"
        assert note in trained.plate.caption
    assert "each some image" not in trained.plate.caption


def test_the_first_epoch_with_and_without_bias_stands_there_as_in_the_two_histories(trained):
    shares = np.array(trained.states.loc["biased", "class_prior"])
    entropy = -(shares * np.log(shares)).sum()
    assert f"they cost a loss of {entropy:.3f}, even odds {np.log(3):.3f}" in trained.plate.caption
    losses = []
    for arm in ("biased", "nothing"):
        first = pd.read_csv(trained.study.folder / trained.states.loc[arm, "name"] / "history.csv").iloc[0]
        losses += [f"{first['val_loss']:.3f}", f"{first['train_loss']:.3f}"]
    assert re.search(r"its validation loss is {} and its training loss {};.*\(arm nothing\) they are {} and {}\.".format(
        *map(re.escape, losses)), trained.plate.caption)  # fmt: skip


def test_the_blends_stand_beside_their_parents_with_the_remark_that_they_are_no_anatomy(trained):
    assert trained.plate.picture
    assert "A blend is not anatomy" in trained.plate.caption
    assert "blended was trained on them" in trained.plate.caption
    n = trained.states.loc["blended", "shown"]["synthetic"]
    assert re.search(rf"Of {n} blends \d+ lie between two images of the same patient\.", trained.plate.caption)
    assert trained.plate.alt == "4 synthetic images, each between its two parents: rare; rare; some; some."


def test_an_arm_that_was_not_asked_for_copies_is_not_made_again_when_their_strengths_change(trained, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(trained.study.root / "sets"))
    monkeypatch.chdir(trained.study.root)
    other = open_study(
        "toy", overrides={"training.resample.sets": [{"rotate_deg": 7.0}], "training.resample.neighbours": 2}
    )
    changed = {run.arm.name for run in other.runs if run.name not in set(trained.states["name"])}
    assert changed == {"copied", "blended", "both"}


def test_without_smote_blends_are_drawn_to_be_looked_at_and_where_classes_are_equal_there_are_none(
    tmp_path, monkeypatch
):
    arms = {"nothing": {"network": "small_cnn"}}
    for name, patients in {"unequal": PATIENTS, "equal": dict.fromkeys(PATIENTS, 8)}.items():
        root = tmp_path / name
        make(root, patients, arms=arms)
        monkeypatch.setenv("DATA_DIR", str(root / "sets"))
        monkeypatch.chdir(root)
        study = open_study("toy")
        assert "No training is finished" in show.balance(study).caption
        study.train()
        plate = show.balance(study)
        assert bool(plate.picture) == (name == "unequal")
        expected = "drawn to be looked at" if name == "unequal" else "All classes are equally common"
        assert expected in plate.caption
