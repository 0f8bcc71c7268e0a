"""Folders, split folders or a label table → one table of images, in which nothing vanishes.

Every file found has a row, used or excluded with a reason, and so has every table row that names no file.
Pixels are read once, here: a file that cannot be decoded is known before training starts, and the hash of the
decoded pixels (not of the file, whose encoding differs from copy to copy) ties everything that follows to
what was seen.
"""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from scanbook.loaders import candidates, files, label_table, layouts, scanning
from scanbook.loaders.layouts import Found
from scanbook.loaders.views import SIDE, WHOLE

COLUMNS = (
    *("image_id", "label", "patient", "group", "given_split", "width", "height", "mode", "bytes", "mtime"),
    *("sha256", "pixel_hash", "perceptual_hash", "status", "reason"),
)
NUMBERS = ("width", "height", "bytes", "mtime")
_OF_A_FILE = (*NUMBERS, "mode", "sha256", "pixel_hash")


def build_manifest(
    folder: Path,
    *,
    layout: str,
    classes: dict[str, str],
    group: str,
    images: str = ".",
    table: str | None = None,
    name_column: str | None = None,
    label_column: str | None = None,
    patient_column: str | None = None,
    split_column: str | None = None,
    exclude: str = "",
    check: dict | None = None,
    memory: Path | None = None,
    rules: str = "",
    threads: int | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Look at every file of a set.

    folder   the set's folder; `image_id` is the file's posix path inside it
    layout   class_folders (<class>/**), split_folders ({train,val,test}/<class>/**) or label_table
    classes  the source's name of a class (folder or table value) -> ours; at least two of ours
    group    regular expression searched in the file's name; its groups joined by "_" (or the whole match) are
             the patient. Where it is empty or does not match, patient is "" and the image is a group of its
             own (until `integrity.regroup` ties it to others)
    images   folder of the images inside `folder`
    table, name_column, label_column   for label_table: the CSV file in `folder` (or absolute) and its two columns
    patient_column, split_column   further columns of the table, where it has them: whose image it is (goes before
             `group`), and the part it was published in
    exclude  regular expression searched in image_id: what it finds is set aside (masks, previews)
    check    {"pattern": …, "meaning": {…}}: a second opinion on the label, read from the name with the
             pattern's first group; adds the column check_label ("" where it says nothing). Never a feature
    memory, rules   where what was seen is remembered, and under which rules; see `scanning.scan`
    threads  decoding threads; None: as many as there are cores, at most 4

    Returns the manifest, one row a file, sorted by image_id, with COLUMNS (and check_label), and the views of each row,
    uint8 (N, 2, SIDE, SIDE), see `views`. width, height: pixels, after turning; mode: how the file stores a pixel;
    mtime: nanoseconds; sha256: of the file; pixel_hash: 32 hex digits over the decoded uint8 pixels and their shape;
    perceptual_hash: see `candidates.hashes`. Excluded rows that were not decoded have 0 and "" there, and black views.
    Raises ValueError for a missing folder, table, column or class folder, for fewer than two classes and for
    a class without a single usable image.
    """
    folder = Path(folder)
    names = list(dict.fromkeys(classes.values()))
    if len(names) < 2:
        raise ValueError(
            f"{folder}: {len(names)} class given ({', '.join(names)}); at least two are needed; "
            f"add the others to data.classes"
        )
    columns = label_table.Columns(name_column or "", label_column or "", patient_column or "", split_column or "")
    found = layouts.set_aside(_find(folder, layout, classes, images, table, columns), exclude)
    found.sort(key=lambda one: one.image_id)
    manifest, views = _look_at(folder, found, memory, rules, threads or min(4, available_cores()))
    _require_images(manifest, names, folder)
    stems = manifest["image_id"].map(lambda image_id: image_id.rsplit("/", 1)[-1])
    by_name = stems.map(matcher(group, "data.group"))
    manifest["patient"] = manifest["patient"].where(manifest["patient"] != "", by_name)
    manifest["group"] = manifest["patient"].where(manifest["patient"] != "", manifest["image_id"])
    if check:
        said = stems.map(matcher(check["pattern"], "data.check.pattern"))
        meaning = {key: classes.get(value, value) for key, value in check["meaning"].items()}
        manifest["check_label"] = said.map(lambda code: meaning.get(code, ""))
    return manifest, views


def fingerprint(manifest: pd.DataFrame) -> str:
    """16 hex digits over image_id, label, group, pixel_hash and, where there is one, check_label of the used rows,
    whatever their order in the table.
    """
    used = manifest[manifest["status"] == "used"].sort_values("image_id")
    columns = ["image_id", "label", "group", "pixel_hash", *(["check_label"] if "check_label" in used else [])]
    digest = hashlib.sha256()
    for row in used[columns].itertuples(index=False):
        digest.update("\x1f".join(row).encode() + b"\x1e")
    return digest.hexdigest()[:16]


def read_manifest(path: Path) -> pd.DataFrame:
    """Read back what `files.write_csv_atomically` wrote, texts as texts."""
    return files.read_csv(path, {*COLUMNS, "check_label"} - {*NUMBERS})


def exclusions(manifest: pd.DataFrame) -> pd.DataFrame:
    """How many images were set aside, and why: columns reason, n, example; the most frequent first."""
    left_out = manifest[manifest["status"] == "excluded"]
    table = left_out.groupby("reason")["image_id"].agg(n="size", example="min").reset_index()
    return table.sort_values(["n", "reason"], ascending=[False, True], ignore_index=True)


def available_cores() -> int:
    """Cores this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _find(
    folder: Path,
    layout: str,
    classes: dict[str, str],
    images: str,
    table: str | None,
    columns: label_table.Columns,
) -> list[Found]:
    if layout == "class_folders":
        return layouts.find_in_class_folders(folder, images, classes)
    if layout == "split_folders":
        return layouts.find_in_split_folders(folder, images, classes)
    if layout == "label_table":
        if not (table and columns.name and columns.label):
            raise ValueError("layout label_table needs table, name_column and label_column")
        return label_table.find_in_table(folder, images, classes, table, columns)
    raise ValueError(f"unknown layout {layout!r}; known: {', '.join(layouts.LAYOUTS)}")


def _look_at(
    folder: Path, found: list[Found], memory: Path | None, rules: str, threads: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """A row a file, and the views of all."""
    wanted = (one.image_id for one in found if one.path is not None and not one.reason)
    seen = scanning.scan(folder, wanted, memory, rules=rules, threads=threads)
    views = np.zeros((len(found), 2, SIDE, SIDE), np.uint8)
    of_files = {name: np.zeros(len(found), np.int64) if name in NUMBERS else [""] * len(found) for name in _OF_A_FILE}
    reasons = [one.reason for one in found]
    for place, one in enumerate(found):  # column by column: a dict a row would weigh more than the images
        if one.path is None:
            continue
        if one.reason:
            it = scanning.Seen(*(scanning.times_of(one.path) or ()))
        else:
            it = next(seen)
            reasons[place] = it.reason
        for name, column in of_files.items():
            column[place] = getattr(it, name)
        if it.views is not None:
            views[place] = it.views
    columns = {"image_id": [one.image_id for one in found], "label": [one.label for one in found],
               "patient": [one.patient for one in found], "given_split": [one.given_split for one in found],
               "reason": reasons, "status": ["excluded" if reason else "used" for reason in reasons],
               "group": "", "perceptual_hash": candidates.hashes(views[:, WHOLE]), **of_files}  # fmt: skip
    manifest = pd.DataFrame(columns)[list(COLUMNS)]
    manifest.loc[manifest["status"] != "used", "perceptual_hash"] = ""
    return manifest, views


def _require_images(manifest: pd.DataFrame, names: list[str], folder: Path) -> None:
    used = manifest[manifest["status"] == "used"]
    counts = used["label"].value_counts()
    empty = [name for name in names if name not in counts]
    if empty:
        text = ", ".join(f"{name} {counts.get(name, 0)}" for name in names)
        aside = exclusions(manifest).head(3).itertuples()
        why = "; ".join(f"{row.n} × {row.reason} (such as {row.example})" for row in aside)
        raise ValueError(
            f"{folder}: class {', '.join(map(repr, empty))} has no usable image; found: {text}; "
            f"set aside: {why or 'nothing'}; every class needs images: add them, or correct data.classes"
        )


def matcher(pattern: str, key: str) -> Callable[[str], str]:
    """What a regular expression finds in a name: its groups joined by "_", or the whole match; "" where it finds nothing.

    key   the parameter it stands under, for the ValueError about a pattern that is none
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{key}: {pattern!r} is no regular expression ({error})") from error

    def find(name: str) -> str:
        match = compiled.search(name) if pattern else None
        if match is None:
            return ""
        return "_".join(part for part in match.groups() if part) if compiled.groups else match.group()

    return find
