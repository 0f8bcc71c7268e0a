"""Pictures of a page: what the networks see, what they get wrong, and what is wrong with the images themselves."""

import base64
import hashlib

import numpy as np
import pandas as pd
import torch

from scanbook.dataset import augment_spec
from scanbook.loaders import augment
from scanbook.names import MAIN, one
from scanbook.predict import Predictor
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table, webp
from scanbook.study import Study


def samples(study: Study, per_class: int = 6) -> Plate:
    """Some images of every class as the networks receive them, before any augmentation."""
    rows = _first_rows(study, per_class)
    used, images = study.data.names.table(study.data.used.loc[rows]), study.data.images(study.experiment.image)
    picture = figures.samples_by_class(images[rows], list(used["label"]), list(used["group"]), classes=study.classes)
    spec = study.experiment.image
    caption = (f"{per_class} images a class from the train part, each of another {one(study.experiment.data.unit)} "
               f"(named under it), as the networks receive them: {spec.size} px, {spec.fit}, "
               f"equalised: {spec.equalise}.")  # fmt: skip
    alt = f"{len(rows)} images of {len(study.classes)} classes: {', '.join(study.classes)}."
    return Plate(picture, caption, alt, used[["image_id", "label", "group", "width", "height"]].reset_index(drop=True),
                 kind="photo", title="Samples", key="samples", src="manifest.csv")  # fmt: skip


def augmented(study: Study, per_class: int = 1, versions: int = 8) -> Plate:
    """The augmented grid: the original first, then eight versions as a network meets them in eight epochs."""
    spec = augment_spec(study.experiment.augment)
    rows = _first_rows(study, per_class)
    images = study.data.images(study.experiment.image)
    ids, labels = study.data.used.loc[rows, "image_id"].to_numpy(), list(study.data.used.loc[rows, "label"])
    originals = torch.from_numpy(images[rows].copy()).permute(0, 3, 1, 2).float() / 255
    changed: list[np.ndarray] = []
    words: list[list[str]] = [[] for _ in rows]
    for epoch in range(1, versions + 1):
        draws = augment.draw(spec or augment.AugmentSpec(), study.experiment.seeds[0], epoch, ids)
        changed.append(augment.apply(originals, draws).permute(0, 2, 3, 1).numpy())
        for i in range(len(rows)):
            words[i].append(augment.describe(draws, i))
    grid = figures.augmentation_grid(images[rows], np.stack(changed, axis=1), labels, words)
    strengths = {k: v for k, v in study.experiment.augment.model_dump().items() if v}
    drawn = ", ".join(f"{k} {v:g}" for k, v in strengths.items()) or "nothing: this assignment does not augment"
    caption = (f"Left the training image, then what epochs 1 to {versions} make of it, with what was drawn. "
               f"Strengths: {drawn}.")  # fmt: skip
    names = pd.Index([study.data.names.image(image_id) for image_id in ids], name="image")
    table = pd.DataFrame(words, columns=[f"epoch {e}" for e in range(1, versions + 1)], index=names)
    return Plate(grid, caption, f"{len(rows)} training images, each with {versions} augmented versions.",
                 table.reset_index(), kind="photo", title="The augmented grid", key="augmented", src="draws",
                 least=760)  # fmt: skip


def twins(study: Study, cut: float = 0.98, shown: int = 6) -> Plate:
    """Test images with their nearest training image, under the random split and under the honest one.

    cut  correlation of two 32 × 32 thumbnails above which they count as near twins; the eight turns and mirror images
         of the training image are tried too
    """
    thumbs = _thumbnails(study.data.images(study.experiment.image))
    honest, rows, best = study.experiment.split.scheme, [], {}
    for scheme in ("random", honest):
        fold = int(study.data.split(scheme)["fold"].min())
        test, train = (study.data.rows(scheme, fold, part) for part in ("test", "train"))
        likeness, nearest = _nearest(thumbs, test, train)
        best[scheme] = (test, nearest, likeness)
        same = _groups(study, test) == _groups(study, nearest)
        rows.append({"split": scheme, "test images": len(test), f"with a twin (r ≥ {cut})": int((likeness >= cut).sum()),
                     "share": float((likeness >= cut).mean()), "median r": float(np.median(likeness)),
                     "twins of the same group": int(same[likeness >= cut].sum())})  # fmt: skip
    test, nearest, likeness = best["random"]
    order = np.argsort(-likeness, kind="stable")[:shown]
    pairs = np.stack([test[order], nearest[order]], 1).ravel()
    images = study.data.images(study.experiment.image)
    words = [f"{'test' if i % 2 == 0 else 'train'}, r {likeness[order[i // 2]]:.3f}, {study.data.names.group(name)}"
             for i, name in enumerate(_groups(study, pairs))]  # fmt: skip
    labels = [f"pairs {2 * (i // 4) + 1} and {2 * (i // 4) + 2}" for i in range(len(pairs))]  # four images a row
    picture = figures.samples_by_class(images[pairs], labels, words)
    table, unit = pd.DataFrame(rows), study.experiment.data.unit
    first, second = rows
    caption = (f"The closest pairs of a test and a training image when images are dealt one by one. There "
               f"{first['share']:.0%} of the test images have a near twin in training, "
               f"{second['share']:.0%} when {unit} are kept apart "
               f"({honest} split).")  # fmt: skip
    return Plate(picture, caption, f"{len(order)} pairs of nearly equal images.", table, kind="photo",
                 title="Twins across the split", key="twins", src="images")  # fmt: skip


def label_check(study: Study, shown: int = 8) -> Plate:
    """Labels that contradict the second opinion in the file's name: a count and pictures."""
    used = study.data.used
    wrong = used[(used["check_label"] != "") & (used["check_label"] != used["label"])]
    checked = int((used["check_label"] != "").sum())
    kinds = wrong.groupby(["check_label", "label"]).size().rename("images").reset_index()
    kinds = kinds.rename(columns={"check_label": "the name says", "label": "the table says"})
    if wrong.empty:
        return show_table(
            kinds, f"No label of {checked} contradicts the name.", title="Labels checked", key="label-check"
        )
    rows = wrong.index[:shown].to_numpy()
    words = [f"table: {r.label}; name: {r.check_label}" for r in wrong.loc[rows].itertuples()]
    picture = figures.samples_by_class(
        study.data.images(study.experiment.image)[rows], list(wrong.loc[rows, "label"]), words
    )
    caption = (f"{len(wrong)} of {checked} labels contradict the name of their file; {len(rows)} are shown. Networks "
               f"learn from the table as it came, unless an arm says otherwise; scores follow the names.")  # fmt: skip
    return Plate(picture, caption, f"{len(rows)} images whose label and name disagree.", kinds, kind="photo",
                 title="Labels against names", key="label-check", src="manifest.csv")  # fmt: skip


def one_image(study: Study, arm: str | None = None) -> Plate:
    """One test image taken as if it were new: read from its file, prepared, predicted, with a bar for each class."""
    arm = arm or study.done_arms(*MAIN)[0]
    run = next(r for r in study.runs if r.arm.name == arm and study.run_folder(r).done)
    test = study.test_predictions(arm)
    test = test[(test["fold"] == run.fold) & (test["seed"] == run.seed)]
    name = min(test["image_id"], key=lambda i: hashlib.sha256(i.encode()).hexdigest())
    answer = Predictor(study.folder / run.name, study.label_of(arm)).answer(study.data.folder / name)
    row = int(study.data.used.index[study.data.used["image_id"] == name][0])
    probs = np.array([answer["probabilities"][c] for c in study.classes])
    picture = figures.image_and_bars(study.data.images(run.arm.image)[row], probs, study.classes)
    truth = str(study.data.used.loc[row, "label"])
    caption = (f"{study.label_of(arm)} answers {answer['class']} ({probs.max():.0%}); the label says {truth}. "
               f"Probabilities are the network's own and have not been calibrated.")  # fmt: skip
    table = pd.DataFrame({"class": study.classes, "probability": probs})
    return Plate(picture, caption, f"One test image; {answer['class']} at {probs.max():.2f}, truth {truth}.", table,
                 kind="photo", title="A new image", key="one-image", src="predictions.csv")  # fmt: skip


def residual_block() -> Plate:
    """What a residual block really is: three convolutions and a way around them."""
    caption = ("The block of ResNet-50: three convolutions beside a connection that skips them, added before the last ReLU "
               "(He et al. 2016). ResNet-18's block has two 3×3 convolutions.")  # fmt: skip
    return Plate(figures.residual_block(), caption, "Diagram: input, 1×1, 3×3 and 1×1 convolution, sum with the input, "
                 "ReLU.", title="A residual block", key="residual-block")  # fmt: skip


def card_picture(study: Study) -> str:
    """One image a class, side by side, as a data URI for the index's card."""
    rows = _first_rows(study, 2 if len(study.classes) < 4 else 1)
    images = study.data.images(study.experiment.image)[rows]
    strip = np.concatenate([np.repeat(im, 3, 2) if im.shape[2] == 1 else im for im in images], axis=1)
    from PIL import Image

    picture = Image.fromarray(strip)
    picture = picture.resize((640, round(640 * picture.height / picture.width)), Image.Resampling.BICUBIC)
    return "data:image/webp;base64," + base64.b64encode(webp(picture, 30_000)).decode()


def _first_rows(study: Study, per_class: int) -> np.ndarray:
    """Rows of the train part, `per_class` a class, each of another group, in the order of a hash of the name."""
    train = study.data.rows(study.experiment.split.scheme, 0, "train")
    table = study.data.used.loc[train]
    order = table["image_id"].map(lambda i: hashlib.sha256(i.encode()).hexdigest())
    table = table.assign(order=order).sort_values("order").drop_duplicates(["label", "group"])
    return np.concatenate([table.index[table["label"] == name][:per_class].to_numpy() for name in study.classes])


def _thumbnails(images: np.ndarray, side: int = 32) -> np.ndarray:
    """float32 (N, side, side): block means of the prepared images, each centred and of length one."""
    small = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().mean(1, keepdim=True)
    small = torch.nn.functional.adaptive_avg_pool2d(small, side)[:, 0]
    small = small - small.mean((1, 2), keepdim=True)
    return (small / small.flatten(1).norm(dim=1).clamp_min(1e-6)[:, None, None]).numpy()


def _nearest(thumbs: np.ndarray, test: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each test row its highest correlation with a train row, over the eight turns and mirror images, and that row."""
    base = thumbs[test].reshape(len(test), -1)
    likeness, nearest = np.full(len(test), -1.0), np.zeros(len(test), int)
    for mirrored in (thumbs[train], thumbs[train][:, :, ::-1]):
        for turns in range(4):
            other = np.rot90(mirrored, turns, (1, 2)).reshape(len(train), -1)
            r = base @ other.T
            k = r.argmax(1)
            closer = r[np.arange(len(test)), k] > likeness
            likeness = np.where(closer, r[np.arange(len(test)), k], likeness)
            nearest = np.where(closer, train[k], nearest)
    return likeness, nearest


def _groups(study: Study, rows: np.ndarray) -> np.ndarray:
    return study.data.used.loc[rows, "group"].to_numpy()
