"""What `scanbook new` writes: a parameter file with remarks, a notebook with neutral words, and a table where needed.

The words stand in template/ and are filled in here, so that they can be read and changed as what they are.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np
import yaml

from scanbook.loaders.decoding.formats import Unreadable
from scanbook.loaders.guessing import Guess
from scanbook.loaders.reading import read_image

TEMPLATES = Path(__file__).parent / "template"
_SICK = ("malignant", "pneumonia", "positive", "abnormal", "tumor", "tumour", "cancer", "disease", "sick", "ill", "yes",
         "reduced", "covid", "effusion", "stenosis", "fracture", "torn", "lesion", "melanoma", "unhealthy", "1",
         "true")  # fmt: skip
_WELL = ("normal", "negative", "healthy", "benign", "control", "no", "none", "0", "false", "clear")


def drafts(name: str, guess: Guess, folder: Path, *, inside: str, positive: str, scheme: str) -> dict[str, str]:
    """Path below the repository -> text of each file to write.

    folder    of the images, a few of which are looked at for size and colour
    inside    data.folder
    positive  class, "" with more than two
    scheme    of the split
    """
    side, colour = _look_at([folder / item.path for item in guess.items if item.label in guess.classes])
    found = {f"params/{name}.csv": _table(guess)} if guess.made else {}
    template = Template((TEMPLATES / "params.yaml").read_text(encoding="utf-8"))
    classes = list(dict.fromkeys(guess.classes.values()))
    counts = Counter(guess.classes[item.label] for item in guess.items if item.label in guess.classes)
    found[f"params/{name}.yaml"] = template.substitute(
        name=name, title=_scalar(_title(name)), question=_scalar(_question(classes)),
        data=_data(name, guess, inside, positive), scheme=scheme,
        about_split={"auto": "auto: as given, unless the same patient or picture stands on both sides"}.get(
            scheme, "by patient; auto would keep a given split"),
        size=224 if side > 64 else 64, colour=colour,
        balance="class_weights" if max(counts.values()) > 2 * min(counts.values()) else "none",
    )  # fmt: skip
    found[f"notebooks/{name}.ipynb"] = _notebook(name, classes)
    return found


def positive(classes: Sequence[str], wanted: str = "") -> tuple[str, bool]:
    """The class that sensitivity is the rate for, and whether the words say so; "" with more than two classes.

    Raises ValueError where `wanted` is none of them.
    """
    if wanted and wanted not in classes:
        raise ValueError(f"--positive: {wanted!r} is none of the classes {', '.join(classes)}")
    if len(classes) != 2:
        return "", True
    if wanted:
        return wanted, True
    first, second = classes
    for one, other in ((first, second), (second, first)):
        sick, well = (_begins(a, w) and not _begins(b, w) for a, b, w in ((one, other, _SICK), (other, one, _WELL)))
        if sick or well:
            return one, True
    return second, False


def _begins(name: str, words: Sequence[str]) -> bool:
    """Whether a word of the class's name begins with one of these; a short one must be that word ("no", not "node")."""
    choice = "|".join(word if len(word) > 4 else rf"{word}(?![^\W\d_])" for word in words)
    return re.search(rf"(^|[\W_])({choice})", name, re.IGNORECASE) is not None


def _data(name: str, guess: Guess, inside: str, positive: str) -> str:
    """The lines of the section `data`."""
    lines: list[tuple[str, object, str]] = [("folder", inside, f"DATA_DIR/{inside}")]
    given = any(item.split for item in guess.items)
    known = any(item.patient for item in guess.items)
    if guess.made:
        lines += [("layout", "label_table", "no layout reads the folder as it lies"),
                  ("table", f"params/{name}.csv", "written beside this file; patients are numbers there, never names"),
                  ("name_column", "image", ""), ("label_column", "label", "")]  # fmt: skip
        lines += [("patient_column", "patient", "")] * (known and not guess.group) + [
            ("split_column", "split", "")
        ] * given
    else:
        lines.append(("layout", guess.layout, ""))
        lines += [("images", guess.images, "")] * (guess.images != ".")
        if guess.columns and guess.layout == "label_table":
            c = guess.columns
            keys = {"table": guess.table, "name_column": c.name, "label_column": c.label, "patient_column": c.patient,
                    "split_column": c.split}  # fmt: skip
            lines += [(key, value, "") for key, value in keys.items() if value]
    plain = all(label == ours for label, ours in guess.classes.items())
    lines.append(("classes", list(guess.classes) if plain else dict(guess.classes),
                  "in the order of the network's outputs" if plain else "the set's spelling: ours"))  # fmt: skip
    lines += [("positive", positive, "sensitivity is the rate among these")] * bool(positive)
    lines += [("group", guess.group, "the patient, found in the file's name")] * bool(guess.group)
    lines.append(("unit", "patients" if known else "images", "what a group is called on the page"
                  if known else "no patient known; better: patients, with data.group or data.patient_column"))  # fmt: skip
    lines += [("exclude", guess.exclude, "masks")] * bool(guess.exclude)
    lines.append(("ids", "pseudonyms", "what pages call images and patients; as_named shows file names"))
    return "\n".join(f"  {key}: {_scalar(value)}" + (f"   # {about}" if about else "") for key, value, about in lines)


def _table(guess: Guess) -> str:
    """CSV of image, label, patient, split: patients as numbers, and only the columns that say something."""
    items = [item for item in guess.items if item.label in guess.classes]
    patients = sorted({item.patient for item in items} - {""})
    digits = len(str(len(patients)))
    number = {patient: f"p{k:0{digits}d}" for k, patient in enumerate(patients, start=1)} | {"": ""}
    with_patient, with_part = bool(patients) and not guess.group, any(item.split for item in items)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "label", *["patient"] * with_patient, *["split"] * with_part])
    for item in sorted(items, key=lambda item: item.path):
        writer.writerow([item.path, item.label, *[number[item.patient]] * with_patient, *[item.split] * with_part])
    return text.getvalue()


def _notebook(name: str, classes: Sequence[str]) -> str:
    """The template with name and title set in."""
    book = json.loads((TEMPLATES / "notebook.ipynb").read_text(encoding="utf-8"))
    title = f"{_title(name)}: {_question(classes)}"
    for cell in book["cells"]:
        cell["source"] = [line.replace("{{NAME}}", name).replace("{{TITLE}}", title) for line in cell["source"]]
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _title(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def _question(classes: Sequence[str]) -> str:
    words = [name.replace("_", " ") for name in classes]
    if len(words) > 6:
        return f"Which of {len(words)} classes?"
    return f"{', '.join(words[:-1])} or {words[-1]}?"


def _look_at(paths: Sequence[Path], most: int = 12) -> tuple[int, str]:
    """Middle shorter side in pixels of a few images, and rgb where they show colour, else grey."""
    sides, coloured = [], 0
    for path in paths[:: max(1, len(paths) // most)]:
        try:
            pixels = read_image(path)
        except Unreadable:
            continue
        sides.append(min(pixels.shape[:2]))
        coloured += pixels.ndim == 3 and bool((np.ptp(pixels.astype(int), axis=2) > 12).mean() > 0.02)
    if not sides:
        raise ValueError(
            f"none of the images tried can be read, such as {paths[0].name}; see the README for the formats"
        )
    return int(np.median(sides)), "rgb" if coloured > len(sides) / 2 else "grey"


def _scalar(value: object) -> str:
    """A value as YAML writes it on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()
