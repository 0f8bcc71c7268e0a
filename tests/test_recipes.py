"""Every arm of the full profile runs, and the finished run shows what its source says.

`recipes` holds the sources' words, written by hand. The test cuts three things down, images, size and epochs, and
takes no pre-trained weights; all else is the full profile's. What is compared is read from the finished runs: from
what optimiser, parameters and batches said of themselves while they worked, and from the weights' file.

    python -m pytest tests/test_recipes.py -s -n 0      prints a line an arm: what was read back, how much is equal
"""

import functools
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
import torchvision.models as published
import yaml
from recipes import SETS, Recipe, Stage
from safetensors import safe_open

from scanbook import params
from scanbook.making import make_runs
from scanbook.phantoms import make_phantoms
from scanbook.study import open_study

SIZES = {661: 36, 331: 34, 600: 40, 300: 34, 224: 32, 180: 32, 255: 34}
IMAGES = {125: 4, 250: 7, 500: 11, 350: 8}
PATIENTS = {"heart": 12, "artery": 12, "xray": 18, "fetal": 24, "lung": 20}
N_CLASSES = {"heart": 2, "artery": 2, "xray": 2, "fetal": 4, "lung": 3}
ARMS = [(name, arm) for name, arms in SETS.items() for arm in arms]


def cut_down(name):
    """Overrides for the full profile of one assignment: fewer images, smaller, fewer epochs, no weights."""
    found = {"weights": "none", "seeds": [0], "split.folds": 1, "training.threads": 1, "tuning": None}
    found |= {"data.runs": 0.7} if name == "lung" else {}  # blocks of one phantom: there are few
    found |= {"cap_per_class": 6} if name == "fetal" else {}
    for arm in params.load(tiny.REPOSITORY / "params" / f"{name}.yaml", "full").arms.values():
        if arm.name not in SETS[name]:  # ours, to question maps
            continue
        epochs = SETS[name][arm.name].cut_epochs
        stages = [stage.model_dump(exclude_none=True) for stage in arm.training.stages]
        here = f"arms.{arm.name}"
        found[f"{here}.training.stages"] = [{**s, "epochs": min(s["epochs"], epochs)} for s in stages]
        found[f"{here}.training.early_stopping"] = None  # or it could hide an epoch's rate
        found[f"{here}.image.size"] = SIZES[arm.image.size]
        if arm.image.resize:
            found[f"{here}.image.resize"] = SIZES[arm.image.resize]
        if arm.training.max_images:
            found[f"{here}.training.max_images"] = IMAGES[arm.training.max_images]
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """assignment -> {arm: what its finished run says}; an assignment's arms are made when first asked for, once."""
    root = tiny.copy_of_the_book(tmp_path_factory.mktemp("recipes"))
    threads = torch.get_num_threads()

    @functools.cache
    def of(name):
        make_phantoms(name, root / "sets", patients=PATIENTS[name])
        study = open_study(str(root / "params" / f"{name}.yaml"), "full", cut_down(name))
        recipes = [run for run in study.runs if run.arm.name in SETS[name]]
        make_runs(recipes, study.folder, study.data, study.machine_of, study.world, fresh=False)
        found = {run.arm.name: read_back(study.folder / run.name) for run in recipes}
        shutil.rmtree(study.folder)  # gigabytes of weights that nobody needs
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(root / "sets"))
        yield of
    torch.set_num_threads(threads)


def read_back(folder):
    state = json.loads((folder / "state.json").read_text())
    assert state["state"] == "done", f"{folder.name}: {state.get('reason')}"
    with safe_open(folder / "best.safetensors", framework="pt") as file:
        network = json.loads(file.metadata()["settings"])
    history, predictions = pd.read_csv(folder / "history.csv"), pd.read_csv(folder / "predictions.csv")
    written = yaml.safe_load((folder / "params.yaml").read_text())["arm"]
    rates = [history.loc[history["stage"] == s["stage"], "rate"].tolist() for s in state["stages"]]
    return SimpleNamespace(**state, network=network, image=written["image"], rates=rates, history=history,
                           scheme=predictions["scheme"].unique().tolist())  # fmt: skip


def words(run) -> dict:
    """A finished run in the terms of a recipe."""
    shown = run.shown
    normalise = {(0.485, 0.456, 0.406): "imagenet", (0.0,): "none"}.get(tuple(run.network["mean"]), "training")
    return {
        "network": run.network["name"], "head": run.network["head"], "dropout": run.network["dropout"],
        "normalise": normalise, "size": shown["size"], "fit": run.image["fit"], "resize": run.image["resize"],
        "equalise": run.image["equalise"], "batch": shown["batch"], "augment": shown["augment"],
        "balance": balance(run), "class weights": run.class_weights, "bias": run.class_prior, "scheme": run.scheme,
        **{f"stage {s['stage']}": {k: s[k] for k in ("optimiser", "loss", "momentum", "weight_decay", "trainable",
                                                     "frozen", "first_trained")} for s in run.stages},
        **{f"rates {i}": [round(rate, 12) for rate in rates] for i, rates in enumerate(run.rates, 1)},
    }  # fmt: skip


def balance(run) -> str:
    """By which word the training part was balanced, as far as what was shown and weighed tells."""
    shown, before, after = run.shown, run.train_of_class, run.shown["shown_of_class"]
    again = sum(shown["shown_under"][1:])  # showings under the second set of augmentations and after
    if shown["synthetic"] or again:
        assert after == [max(before)] * len(before)
        assert sum(after) == shown["shown"] == sum(before) + shown["synthetic"] + again
        return "augmented" if again else "smote_and_weights" if run.class_weights else "smote"
    assert sum(after) == shown["shown"] == sum(before)
    if after != before:
        assert max(after) - min(after) <= 1
        return "sampler"
    return "class_weights" if run.class_weights else "none"


def told(found: dict) -> str:
    """What was read back, in a line."""
    stages = [
        f"{s['optimiser']} {' '.join(f'{rate:.2g}' for rate in found[f'rates {key[-1]}'])}, "
        f"{s['trainable']:,} learn from {s['first_trained'].removeprefix('backbone.')}, {s['frozen']} tensors frozen"
        for key, s in found.items() if key.startswith("stage ")
    ]  # fmt: skip
    bias = " and bias" * (found["bias"] is not None)
    return (f"{found['network']}: {'; '.join(stages)}; batch {found['batch']}, {found['stage 1']['loss']}, decay "
            f"{found['stage 1']['weight_decay']:g}, dropout {found['dropout']:g}, {len(found['augment'])} set(s), "
            f"balance: {found['balance']}{bias}")  # fmt: skip


def expected(recipe: Recipe, run, n_classes: int) -> dict:
    """The recipe in the same terms; of the run it uses the counts of its training images and its losses alone."""
    counts = np.array(run.train_of_class)
    found = {
        "network": recipe.network, "head": recipe.head, "dropout": recipe.dropout, "normalise": recipe.normalise,
        "size": SIZES[recipe.size], "fit": recipe.fit, "resize": SIZES.get(recipe.resize), "equalise": recipe.equalise,
        "batch": recipe.batch, "augment": list(recipe.augment), "balance": recipe.balance,
        "class weights": pytest.approx(counts.sum() / n_classes / counts) if "weights" in recipe.balance else None,
        "bias": pytest.approx(counts / counts.sum()) if recipe.bias else None, "scheme": [recipe.scheme],
    }  # fmt: skip
    for number, stage in enumerate(recipe.stages, 1):
        learns, frozen, first = parameters(recipe, stage, n_classes)
        found[f"stage {number}"] = {
            "optimiser": stage.optimiser, "loss": recipe.loss, "weight_decay": recipe.decay, "trainable": learns,
            "momentum": None if stage.optimiser == "Adam" else recipe.momentum, "frozen": frozen,
            "first_trained": first,
        }  # fmt: skip
        planned = min(stage.epochs, recipe.cut_epochs)
        if stage.falls == "plateau":
            parts = [0.2**times for times in plateaus(run.history["val_loss"].tolist(), patience=3)]
        else:
            parts = [stage.falls(epoch, planned) for epoch in range(planned)]
        found[f"rates {number}"] = pytest.approx([stage.rate * part for part in parts])
    return found


def plateaus(losses, patience):
    """Before each epoch: how often the loss had not fallen for `patience` epochs, counted anew after each time."""
    counts = [0]
    lowest, waited = float("inf"), 0
    for loss in losses[:-1]:
        lowest, waited = (loss, 0) if loss < lowest else (lowest, waited + 1)
        counts.append(counts[-1] + (waited == patience))
        waited %= patience
    return counts


def parameters(recipe: Recipe, stage: Stage, n_classes: int) -> tuple[int, int, str]:
    """Numbers that learn, tensors that do not, and the first tensor that does, from the published architecture."""
    if recipe.network in ("small_cnn", "separable_cnn"):
        sizes = of_own(recipe.network, SIZES[recipe.size], 3 if recipe.normalise == "imagenet" else 1)
        n_features, last = 64, "head.1.weight"
    else:
        with torch.device("meta"):
            model = published.get_model(recipe.network, weights=None)
        sizes = [(f"backbone.{name}", p.numel()) for name, p in model.named_parameters()]
        linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]
        n_features, last = linear.in_features, "head.1.weight"
        sizes = sizes[:-2]  # the last layer, weight and bias, is replaced
        if recipe.network.startswith("vgg"):
            dense = [pair for pair in sizes if "classifier" in pair[0]]
            sizes = [pair for pair in sizes if "classifier" not in pair[0]]
            if recipe.head == "own":
                head = sum(n for _, n in dense) + 4096 * n_classes + n_classes
                return sum(n for _, n in sizes) + head, 0, sizes[0][0]
            n_features = 512
    names = [name for name, _ in sizes]
    start = {"head": len(names), "all": 0}.get(stage.train)
    if start is None:
        start = next(i for i, name in enumerate(names) if name.startswith(f"backbone.{stage.train}."))
    learns = sum(n for _, n in sizes[start:]) + n_features * n_classes + n_classes
    return learns, start, [*names, last][start]


def of_own(name: str, size: int, channels: int) -> list[tuple[str, int]]:
    """Tensors of the labs' networks without the last layer, counted from the lists of layers in their sources."""

    def conv(n_in, n_out):
        return [9 * n_in * n_out, n_out]

    def block(n_in, n_out):  # two separable convolutions (3x3 a channel, 1x1 across), batch norm
        return [9 * n_in, n_in * n_out, n_out, 9 * n_out, n_out * n_out, n_out, n_out, n_out]

    if name == "small_cnn":
        sizes = [*conv(channels, 32), *conv(32, 32), *conv(32, 64), 64 * (size // 8) ** 2 * 64, 64]
    else:
        sizes = [*conv(channels, 16), *conv(16, 16), *block(16, 32), *block(32, 64), *block(64, 128), *block(128, 256)]
        for n_in, n_out in ((256 * (size // 32) ** 2, 512), (512, 128), (128, 64)):
            sizes += [n_in * n_out, n_out, n_out, n_out]
    return [("backbone.convolutions.0.weight" if i == 0 else "", n) for i, n in enumerate(sizes)]


@pytest.mark.parametrize("name", SETS)
def test_the_full_profile_has_every_arm_of_its_source_and_no_other(name):
    asked = params.load(tiny.REPOSITORY / "params" / f"{name}.yaml", "full")
    ours = [arm for arm, settings in asked.arms.items() if settings.training.labels == "shuffled"]  # to question maps
    assert [arm for arm in asked.arms if arm not in ours] == list(SETS[name])
    compared = {arm for c in asked.comparisons for arm in (c.a, c.b)} | set(asked.lesson.values())
    doubting = {arm for arm, recipe in SETS[name].items() if recipe.scheme == "crossfit"}  # which labels are doubtful
    assert compared | doubting == set(SETS[name])  # each arm answers a question


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_what_the_test_cuts_down_is_in_the_full_profile_as_the_source_says(name, arm):
    asked, recipe = params.load(tiny.REPOSITORY / "params" / f"{name}.yaml", "full").arms[arm], SETS[name][arm]
    assert (asked.image.size, asked.image.resize) == (recipe.size, recipe.resize)
    assert [stage.epochs for stage in asked.training.stages] == [stage.epochs for stage in recipe.stages]
    waits = [stage.early_stopping or asked.training.early_stopping for stage in asked.training.stages]
    assert waits == [stage.patience for stage in recipe.stages]
    assert asked.training.max_images == recipe.max_images
    assert asked.weights == recipe.weights


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_finished_run_shows_the_recipe_of_its_source(runs, name, arm):
    run = runs(name)[arm]
    found, recipe = words(run), expected(SETS[name][arm], run, N_CLASSES[name])
    equal = sum(found[key] == recipe[key] for key in recipe)
    print(f"{name} | {arm} | {told(found)} | {equal} of {len(recipe)} equal")
    assert found == recipe


def test_fewer_training_images_are_a_part_of_more_and_the_others_are_all_used(runs):
    fetal = runs("fetal")
    counts = [fetal[arm].n_train for arm in ("n125", "n250", "n500", "source")]
    assert counts == sorted(set(counts))
    assert all(n <= IMAGES[most] for n, most in zip(counts, (125, 250, 500), strict=False))
    assert {(fetal[arm].n_val, fetal[arm].n_test) for arm in ("n125", "n250", "n500", "source")} == {
        (fetal["source"].n_val, fetal["source"].n_test)
    }


def test_the_famous_numbers_of_parameters_are_met(runs):
    assert [s["trainable"] for s in runs("artery")["as_coded"].stages] == [2_562, 1_861_440 + 2_562]
    assert runs("xray")["source"].stages[0]["trainable"] == 2_208 * 2 + 2
    assert runs("fetal")["vgg_own_head"].parameters == 139_570_240 + 4_096 * 4 + 4
