"""`scanbook new`: from a folder of images to a parameter file, a notebook and the command that makes the page.

What a folder seems to be is `loaders.guessing`'s to find, and what is written `drafting`'s. This room opens the files
for both and says what was understood and what was not. It overwrites nothing, and the folder of images is only read.
"""

import os
import re
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from scanbook import drafting, params
from scanbook.loaders import files, layouts, splits
from scanbook.loaders.guesses import arrays
from scanbook.loaders.guesses.listing import list_folder, patients_in_headers
from scanbook.loaders.guesses.tables import NOTHING
from scanbook.loaders.guessing import Guess, guess_folder
from scanbook.loaders.label_table import Columns, read_table

_TAKEN = ("heart", "artery", "xray", "fetal", "lung", "summary", "index")


@dataclass(frozen=True)
class Wishes:
    """What a person says beside name and path; everything else is looked for.

    labels    a table, in the folder or elsewhere
    columns   of the table
    classes   which of the set's classes, in this order; for an .npz the names of its numbers
    group     pattern for the patient in a file's name
    positive  with two classes: the one that sensitivity is the rate for
    """

    labels: Path | None = None
    columns: Columns = NOTHING
    classes: tuple[str, ...] = ()
    group: str = ""
    positive: str = ""


@dataclass(frozen=True)
class Started:
    """What was understood, what was not, which files were written or left, and the next command."""

    guess: Guess
    understood: list[str]
    undecided: list[str]
    written: list[str]
    command: str

    def __str__(self) -> str:
        parts = ["Understood", *(f"  {line}" for line in self.understood)]
        parts += ["Not decided, and the key that settles it", *(f"  {line}" for line in self.undecided)] * bool(
            self.undecided
        )
        return "\n".join([*parts, *self.written, f"Next: {self.command}"])


def start(name: str, path: Path, root: Path, wishes: Wishes | None = None) -> Started:
    """Look at a folder (or an .npz) and write params/NAME.yaml and notebooks/NAME.ipynb for it.

    name  of the assignment
    path  a folder of images, or an .npz, which is unpacked to root/data/NAME first
    root  the repository

    Raises ValueError with what was found and what would be needed; then no parameter file is written.
    """
    wishes = wishes or Wishes()
    _check_name(name)
    folder, of_arrays = Path(os.path.abspath(path)), path.suffix == ".npz"
    if of_arrays:
        arrays.unpack_arrays(folder, root / "data" / name, wishes.classes)
        folder = root / "data" / name
    if not folder.is_dir():
        raise ValueError(f"{path}: there is no such folder, and it is no .npz file")
    guess, also = _look(folder, wishes)
    guess = guess if of_arrays else _chosen(guess, wishes.classes)
    classes = list(dict.fromkeys(guess.classes.values()))
    positive, sure = drafting.positive(classes, wishes.positive)
    scheme, parts, doubts = _deal(guess)
    if positive and not sure:
        doubts.append((f"which class is the finding? Taken: {positive}", "data.positive"))
    if of_arrays:  # its images were numbered here, so their numbers say nothing
        doubts += [question for question in guess.questions if question[1] != "data.runs"]
        guess = replace(guess, questions=())
        if not wishes.classes:
            doubts.append(
                ("the file only numbers its classes; call them by name, as in {class_0: well}", "data.classes")
            )
    data_dir, inside = _where(folder, root)
    drafts = drafting.drafts(name, guess, folder, inside=inside, positive=positive, scheme=scheme)
    written = [_write(root / place, root, text) for place, text in drafts.items()]
    for profile in params.PROFILES:  # a mistake in what was written shows now and not when it is needed
        params.load(root / "params" / f"{name}.yaml", profile)
    command = f"make report-{name} PROFILE=quick" + (f" DATA_DIR={shlex.quote(data_dir)}" if data_dir else "")
    undecided = [f"{sentence}  ({key})" for sentence, key in (*guess.questions, *doubts)]
    return Started(guess, [*_say(guess), *also, parts], undecided, written, command)


def _check_name(name: str) -> None:
    if name in _TAKEN:
        raise ValueError(f"{name!r} is a page of the book already; choose another name")
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", name):
        raise ValueError(
            f"{name!r} becomes a file name and a make target: small letters, digits, - and _, such as 'knee'"
        )


def _look(folder: Path, wishes: Wishes) -> tuple[Guess, list[str]]:
    """The guess, and what else lies there, in sentences."""
    listing = list_folder(folder)
    given, elsewhere = "", False
    if wishes.labels is not None:
        table = Path(wishes.labels)
        beside = os.path.relpath(table, folder)
        elsewhere = ".." in Path(beside).parts
        given = (table if elsewhere else Path(beside)).as_posix()
        listing.tables[given] = read_table(table)
    headers = patients_in_headers(folder, listing.images)
    guess = guess_folder(listing.images, listing.tables, given=given, wanted=wishes.columns, headers=headers,
                         pattern=wishes.group)  # fmt: skip
    if elsewhere:  # that table is copied: no parameter file points out of the set
        guess = replace(guess, made=True)
    also = [f"{name} was not looked into: {reason}" for name, reason in listing.unread.items()]
    return guess, also + [f"{listing.others:,} files are neither image nor table"] * bool(listing.others)


def _chosen(guess: Guess, wanted: tuple[str, ...]) -> Guess:
    """The guess with the classes a person named, in their order."""
    if not wanted:
        return guess
    known = {ours: label for label, ours in guess.classes.items()} | {label: label for label in guess.classes}
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"--classes: {', '.join(unknown)} not found; there are: {', '.join(guess.classes)}")
    classes = {known[name]: guess.classes[known[name]] for name in wanted}
    if len(set(classes.values())) < 2:
        raise ValueError("--classes: a comparison needs two classes or more")
    return replace(guess, classes=classes)


def _say(guess: Guess) -> list[str]:
    items = [item for item in guess.items if item.label in guess.classes]
    known = [item.patient for item in items if item.patient]
    lines = [f"{len(items):,} images, no patient known: every image is its own group"]
    if known:
        alone = f"; {len(items) - len(known):,} images name none" if len(known) < len(items) else ""
        lines = [f"{len(items):,} images of {len(set(known)):,} patients{alone}"]
    lines += [f"for example {patient}: {', '.join(names)}" for patient, names in guess.examples]
    counts = Counter(guess.classes[item.label] for item in items)
    lines.append(
        f"{len(counts)} classes: "
        + ", ".join(f"{name} {counts[name]:,}" for name in dict.fromkeys(guess.classes.values()))
    )
    left = len(guess.items) - len(items)
    lines += [f"{left:,} images of other classes are left out"] if left else []
    return [*lines, *guess.understood]


def _deal(guess: Guess) -> tuple[str, str, list[tuple[str, str]]]:
    """The split scheme, a sentence about it, and what speaks against it; as far as names can tell."""
    items = [item for item in guess.items if item.label in guess.classes]
    table = pd.DataFrame({
        "image_id": [item.path for item in items], "label": [guess.classes[item.label] for item in items],
        "group": [item.patient or item.path for item in items], "given_split": [item.split for item in items],
    }).assign(status="used")  # fmt: skip
    parts = Counter(item.split for item in items)
    if {"train", "test"} <= set(parts) and "" not in parts:
        in_test = set(table.loc[table["given_split"] == "test", "group"])
        shared = in_test & set(table.loc[table["given_split"] != "test", "group"])
        counted = ", ".join(f"{part} {parts[part]:,}" for part in layouts.PARTS if part in parts)
        if shared:
            doubt = (f"{len(shared):,} groups stand on both sides of the given split: either it leaks and images are dealt "
                     "anew, or the groups join strangers (then say better what a patient is)", "data.group")  # fmt: skip
            return "auto", f"a split is given ({counted}), but see below", [doubt]
        return "auto", f"given split kept ({counted}), unless equal pictures turn out to stand on both sides", []
    doubts = []
    if {"train", "test"} <= set(parts):
        doubts.append((f"{parts['']:,} images have no part: the given split is not used", "split.scheme"))
    try:
        folds = splits.choose_folds(table["group"].nunique())
        splits.make_splits(table, "grouped", folds=folds)
    except ValueError as error:
        doubts.append((str(error), "data.classes"))
        return "grouped", "no split can be made of it yet", doubts
    how = {1: "a hold-out of 15 % to test", -1: "leave one group out"}.get(folds, f"{folds} folds")
    return "grouped", f"no given split: dealt by group, {how}", doubts


def _where(folder: Path, root: Path) -> tuple[str, str]:
    """DATA_DIR for this folder ("" where the usual one serves) and data.folder below it."""
    usual = root / "data"
    if folder.is_relative_to(usual) and folder != usual:
        return ("data" if os.environ.get("DATA_DIR") else ""), folder.relative_to(usual).as_posix()
    return str(folder.parent), folder.name


def _write(file: Path, root: Path, text: str) -> str:
    """Write a new file whole or not at all; what is there already stays."""
    shown = file.relative_to(root).as_posix()
    file.parent.mkdir(parents=True, exist_ok=True)
    half = files.beside(file)
    try:
        half.write_text(text, encoding="utf-8")
        os.link(half, file)  # fails where the file exists, also when two do this at once
    except FileExistsError:
        return f"left as it is: {shown} was there already (take it away to have it written anew)"
    finally:
        half.unlink(missing_ok=True)
    return f"written: {shown}"
