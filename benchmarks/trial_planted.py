"""Studies for `benchmarks.trial` that need images: leaks, shortcuts, trained networks and maps."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from PIL import Image, ImageOps
from scipy.stats import norm

from scanbook import floor, params
from scanbook.dataset import Dataset
from scanbook.loaders import integrity
from scanbook.metrics.scores import score_table
from scanbook.metrics.uncertainty import wilson
from scanbook.phantoms import make_phantoms
from scanbook.show.integrity import shortcut
from scanbook.study import Study

REPOSITORY = Path(__file__).parent.parent
AUROC = 0.90
Rows = Iterator[dict]


def row(trial: str, planted: str, said: str, hits: int, of: int, goal: str = "") -> dict:
    """One line of the table; the goal is met when the share itself lies on its side."""
    low, high = wilson(hits, of)
    met = (
        "" if not goal else str(hits / of <= float(goal[3:]) if goal.startswith("<=") else hits / of >= float(goal[3:]))
    )
    return {"trial": trial, "planted": planted, "said": said, "hits": hits, "of": of, "share": round(hits / of, 4),
            "low": round(low, 4), "high": round(high, 4), "goal": goal, "met": met}  # fmt: skip


def made(root: Path, seed: int) -> Path:
    """A small set of X-ray phantoms in published folders, in an empty place."""
    return make_phantoms("xray", Path(tempfile.mkdtemp(dir=root)), seed=seed, patients=80)


def opened(folder: Path) -> Dataset:
    """The set as the book opens it."""
    whole = params.load(REPOSITORY / "params" / "xray.yaml", "sample")
    return Dataset(whole.model_copy(update={"phantoms": False}), folder.parent, folder.parent)


def leak(folder: Path, kind: str, rng: np.random.Generator) -> None:
    """Put images of three test patients into the train folder."""
    tested = sorted((folder / "test" / "PNEUMONIA").iterdir())
    for number, place in enumerate(rng.choice(len(tested), 3, replace=False)):
        file = tested[place]
        other = f"person{9000 + number}_bacteria_1.jpeg"
        name = file.name.replace(".jpeg", "9.jpeg") if kind == "the patient" else other
        with Image.open(file) as image:
            if kind == "the same file":
                shutil.copy(file, folder / "train" / "PNEUMONIA" / name)
            elif kind == "mirrored, under another name":
                ImageOps.mirror(image).save(folder / "train" / "PNEUMONIA" / name, quality=80)
            else:  # another image of the patient: so unlike this one that only the name tells
                shift = image.rotate(12, translate=(9, 14), fillcolor=30)
                shift.save(folder / "train" / "PNEUMONIA" / name, quality=85)


def leaks(scale: float, root: Path) -> Rows:
    """Test patients in the train folder."""
    for kind in ("the patient", "the same file", "mirrored, under another name", "nothing"):
        caught, times = 0, max(2, round(12 * scale))
        for seed in range(times):
            folder = made(root, seed)
            if kind != "nothing":
                leak(folder, kind, np.random.default_rng(seed))
            data = opened(folder)
            near = integrity.crossing(data.manifest, data.named_groups, data.pairs)["near"]
            caught += data.experiment.split.scheme != "provided" or near > 0
            shutil.rmtree(folder.parent)
        yield row("leaks", kind, "caught", caught, times, "" if kind == "nothing" else ">= 0.95")


def mark(folder: Path, kind: str) -> None:
    """Let the file or the frame of every image tell its class."""
    for file in sorted(folder.rglob("*.jpeg")):
        ill = file.parent.name == "PNEUMONIA"
        with Image.open(file) as whole:
            image = whole.convert("L")
        if kind == "file quality":
            image.save(file, quality=92 if ill else 60)
        elif kind == "size" and ill:
            image.resize((image.width - 20, image.height - 20)).save(file, quality=92)
        elif kind == "border" and ill:
            ImageOps.expand(image.crop((8, 8, image.width - 8, image.height - 8)), 8, 90).save(file, quality=92)
        elif kind == "brightness" and ill:
            image.point(lambda grey: min(255, grey + 45)).save(file, quality=92)


def shortcuts(scale: float, root: Path) -> Rows:
    """Images whose frame tells the class, beside a network that ranks 0.90 of the pairs rightly."""
    for kind in ("file quality", "size", "border", "brightness", "nothing"):
        caught, times = 0, max(2, round(10 * scale))
        for seed in range(times):
            folder = made(root, 100 + seed)
            mark(folder, kind)
            data = opened(folder)
            rules = floor.predictions(data, data.experiment.split.scheme)
            test = rules[rules["arm"] == f"{floor.RULE}size"]
            noise = np.random.default_rng(seed).normal(size=len(test))
            score = np.sqrt(2) * norm.ppf(AUROC) * (test["label"] == "PNEUMONIA") + noise
            drawn_one = test.assign(arm="resnet", network="resnet18", logit_NORMAL=0.0, logit_PNEUMONIA=score)
            tables = [
                score_table(part, ["NORMAL", "PNEUMONIA"], "PNEUMONIA").assign(arm=arm, network=arm, split="test")
                for arm, part in pd.concat([rules, drawn_one]).groupby("arm")
            ]
            asked = SimpleNamespace(scores=pd.concat(tables), done_arms=lambda *_: ["resnet"])
            caught += bool(shortcut(asked))
            shutil.rmtree(folder.parent)
        yield row("shortcuts", kind, "caught", caught, times, "" if kind == "nothing" else ">= 0.95")


def trained(scale: float, root: Path) -> Rows:
    """Small networks on heart phantoms, as the sample trains them."""
    said: dict[str, list[str]] = {}
    for seed in range(max(2, round(5 * scale))):
        folder = Path(tempfile.mkdtemp(dir=root))
        make_phantoms("heart", folder / "data", seed=200 + seed, patients=110)
        whole = params.load(REPOSITORY / "params" / "heart.yaml", "sample")
        arms = {name: whole.arms[name] for name in ("patient_split", "untaught", "reweighted")}
        asked = [c for c in whole.comparisons if {c.a, c.b} <= set(arms)]
        few = {"arms": arms, "comparisons": asked, "tuning": None, "lesson": {}, "phantoms": False}
        study = Study(whole.model_copy(update=few), folder, {})
        study.train()
        for _, found in study.comparisons.iterrows():
            said.setdefault(found["question"].removeprefix("Planted: "), []).append(found["verdict"])
        shutil.rmtree(folder)
    for (question, found), right in zip(said.items(), ("better", "equivalent"), strict=True):
        yield row("trained", question, right, found.count(right), len(found))


def maps(scale: float, root: Path) -> Rows:
    """Maps that no network made, shown as if one had."""
    import torch

    from scanbook.looking import examine, judged
    from scanbook.metrics.maps import STATES
    from scanbook.models import map_checks, networks

    def chance(network: object, images: torch.Tensor, classes: object, **_: object) -> torch.Tensor:
        return torch.rand(len(images), 8, 8, generator=torch.Generator().manual_seed(len(images)))

    kinds = {
        "an edge detector": lambda network, images, classes, **_: map_checks.edge_map(None, images, cells=8),
        "a blob in the middle": lambda network, images, classes, **_: map_checks.blob_map(len(images), 8),
        "chance, the same each time": chance,
    }
    times = max(2, round(6 * scale))
    hits = dict.fromkeys(kinds, 0)
    for seed in range(times):
        folder = made(root, 300 + seed)
        data = opened(folder)
        used = data.used.drop_duplicates("group").head(24)
        pixels = data.images(data.experiment.image)[used.index]
        images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255
        network = networks.build("resnet18", 2, channels=images.shape[1], mean=[0.5] * images.shape[1],
                                 std=[0.5] * images.shape[1], image_size=64, seed=seed)  # fmt: skip
        for kind, explain in kinds.items():
            found = examine(network.eval(), images, [1] * len(images), explain=explain, seed=seed)
            _, (state, _), _ = judged(found, used["group"].tolist(), used["label"].tolist(), "it", "patients")
            hits[kind] += state == STATES[1]
        shutil.rmtree(folder.parent)
    for kind, caught in hits.items():
        yield row("maps", kind, "fails", caught, times, ">= 0.95")
