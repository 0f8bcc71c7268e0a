"""What a folder of images seems to be: layout, classes, patients, parts; and what cannot be decided.

Pure functions on a list of paths and on tables already read: no file is opened here. Every guess is one that a person
can follow from the names, and what is not certain becomes a question with the key that settles it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scanbook.loaders.guesses import names as names
from scanbook.loaders.guesses.folders import Item, Levels, find_mask_folders, levels_of, shared_folder
from scanbook.loaders.guesses.listing import Table
from scanbook.loaders.guesses.tables import NOTHING, Reading, read_columns
from scanbook.loaders.label_table import Columns, Row, join
from scanbook.loaders.layouts import part_of

Questions = tuple[tuple[str, str], ...]  # (sentence, key of the parameter file)


@dataclass(frozen=True)
class Guess:
    """A set as the parameter file will say it.

    items       every image that has a label; `patient` is the group by table, header, folder or name
    layout      class_folders, split_folders or label_table
    made        whether that table must be written from `items`, because no layout reads the set as it lies
    images      folder of the images inside the set
    classes     label as the set spells it -> ours
    table, columns  of a label_table that is read where it lies
    group       pattern for the patient in the file's name
    exclude     pattern for files that are set aside
    examples    (group, two of its files)
    """

    items: list[Item] = field(repr=False)
    layout: str
    classes: dict[str, str]
    images: str = "."
    table: str = ""
    columns: Columns | None = None
    made: bool = False
    group: str = ""
    exclude: str = ""
    examples: tuple[tuple[str, tuple[str, ...]], ...] = ()
    understood: tuple[str, ...] = ()
    questions: Questions = ()


def guess_folder(
    files: Sequence[str],
    tables: Mapping[str, Table],
    *,
    given: str = "",
    wanted: Columns = NOTHING,
    headers: Mapping[str, str] | None = None,
    pattern: str = "",
) -> Guess:
    """Look at the list of a folder's images.

    files    posix paths inside the folder, images only
    tables   name -> header and rows of each table there, and of the one a person named
    given    the table a person named
    wanted   columns a person named
    headers  path -> patient of the files whose header knows (DICOM)
    pattern  for data.group, where a person gave one

    Raises ValueError where labels cannot be found, or are none that a classifier can learn.
    """
    exclude = "|".join(filter(None, (names.find_masks(files), find_mask_folders(files))))
    kept = [file for file in files if not (exclude and re.search(exclude, file))]
    if not kept:
        raise ValueError("no image found: a set needs images in class folders, or images and a table of their labels")
    levels = levels_of(kept)
    reading, table = _table(kept, tables, given, wanted, levels)
    if reading is not None:
        guess = _of_table(kept, reading, table, levels)
    elif levels.label is not None:
        guess = _of_folders(kept, levels)
    else:
        guess = _of_names(kept, levels)
    if exclude:
        masks = f"{len(files) - len(kept):,} masks beside images are set aside, no network sees them (data.exclude)"
        guess = replace(guess, exclude=exclude, understood=(*guess.understood, masks))
    return _with_patients(guess, headers or {}, pattern)


def _table(
    files: Sequence[str], tables: Mapping[str, Table], given: str, wanted: Columns, levels: Levels
) -> tuple[Reading | None, str]:
    """The table that says what the images are; none where class folders say the same."""
    if given:
        reading = read_columns(given, *tables[given], files, wanted)
        if reading is None:
            raise ValueError(
                f"{given}: no column names the files of this folder; its columns are {', '.join(tables[given][0])}, and a "
                f"file is called {files[0]}. Say which names them with --name-column"
            )
        return reading, given
    refused = None
    for name, (header, rows) in sorted(tables.items()):
        try:
            reading = read_columns(name, header, rows, files, wanted, sure=levels.label is not None)
        except ValueError as error:
            refused = refused or error
            continue
        if reading and not _same_as_folders(files, reading, levels):
            return reading, name
    if refused and levels.label is None:
        raise refused
    return None, ""


def _same_as_folders(files: Sequence[str], reading: Reading, levels: Levels) -> bool:
    """Whether a table only repeats the class folders: one label a folder, and no patient."""
    if levels.label is None or reading.columns.patient:
        return False
    pairs = {(levels.of(file).label, rows[0].label) for file, rows in _rows_of(files, reading.rows)[0].items()}
    return len(pairs) == len({folder for folder, _ in pairs})


def _rows_of(files: Sequence[str], rows: Sequence[Row]) -> tuple[dict[str, list[Row]], int]:
    """file -> its rows, where that is certain; and how many rows have no file."""
    said: dict[str, list[Row]] = defaultdict(list)
    lost = 0
    for row, (found, why) in zip(rows, join(list(rows), list(files)), strict=True):
        lost += not found
        if len(found) == 1 and not why:
            said[found[0]].append(row)
    return said, lost


def _of_table(files: Sequence[str], reading: Reading, table: str, levels: Levels) -> Guess:
    images, files = _where(files, _rows_of(files, reading.rows)[0])
    said, lost = _rows_of(files, reading.rows)
    known = {file: rows[0] for file, rows in said.items() if len({row.label for row in rows}) == 1}
    items = [
        Item(file, row.label, row.patient or levels.of(file).patient, part_of(row.split))
        for file, row in known.items()
        if row.label and (not reading.names or row.label in reading.names)
    ]
    words = [f"{lost:,} of {len(reading.rows):,} rows have no file"] if lost else []
    words += [f"{len(files) - len(said):,} images have no row"] if len(files) > len(said) else []
    words += [f"{len(said) - len(known):,} images have rows that disagree"] if len(said) > len(known) else []
    classes, questions = _classes(items, reading.names)
    by_folder = levels.patient is not None and not reading.columns.patient
    return Guess(items, "label_table", classes, images, table, reading.columns, reading.made or by_folder,
                 understood=(*reading.understood, *words), questions=(*reading.questions, *questions))  # fmt: skip


def _where(files: Sequence[str], labelled: Collection[str]) -> tuple[str, Sequence[str]]:
    """The folder that nearly all labelled images lie in, and the images there: elsewhere may lie others of the same
    names (another test set, previews).
    """
    folders = Counter("/".join(file.split("/")[:level]) for file in labelled for level in range(1, file.count("/") + 1))
    deep = [folder for folder, n in folders.items() if n > 0.9 * len(labelled)]
    if not deep:
        return ".", files
    images = max(deep, key=len)
    return images, [file for file in files if file.startswith(f"{images}/")]


def _of_folders(files: Sequence[str], levels: Levels) -> Guess:
    items = [levels.of(file) for file in files]
    found = {item.split for item in items} - {""}
    kept = {"train", "test"} <= found
    questions: list[tuple[str, str]] = []
    if found and not kept:
        parts = " and ".join(sorted(found))
        questions.append((f"there are folders for {parts}, but none to test on: images are dealt anew", "split.scheme"))
        items = [replace(item, split="") for item in items]
    layout = "split_folders" if kept else "class_folders"
    images = shared_folder(files, levels.wrap)
    words = "class folders" + (" inside parts" if found else "") + ("" if images == "." else f" in {images}/")
    words += ", a folder for each patient" if levels.patient is not None else ""
    classes, more = _classes(items, {})
    return Guess(items, layout, classes, images, made=not levels.usual or (bool(found) and not kept),
                 understood=(words,), questions=(*questions, *more))  # fmt: skip


def _of_names(files: Sequence[str], levels: Levels) -> Guess:
    found = names.find_prefix_classes([file.rsplit("/", 1)[-1] for file in files])
    if not found:
        about = " Its folders look like patients." if levels.patient is not None else ""
        about += (
            f" All lie in {shared_folder(files, levels.wrap)}/: one class alone is no comparison."
            if levels.wrap
            else ""
        )
        raise ValueError(
            f"{len(files):,} images, such as {files[0]}, and nothing that says two classes: no class folders, no class at "
            f"the beginning of the names, no table that names them.{about} Sort them into a folder for each class, or give "
            f"a table with --labels (columns image, label, and patient where known)"
        )
    items = [replace(levels.of(file), label=found[file.rsplit("/", 1)[-1]]) for file in files]
    classes, questions = _classes(items, {})
    return Guess(items, "label_table", classes, made=True, questions=questions,
                 understood=("the class stands at the beginning of each name",))  # fmt: skip


def _classes(items: Sequence[Item], called: Mapping[str, str]) -> tuple[dict[str, str], Questions]:
    """The classes in the order of the alphabet; those of fewer than three images are left out, with a question."""
    counts = Counter(item.label for item in items)
    rare = sorted(label for label, n in counts.items() if n < 3)
    classes = {label: called.get(label, label) for label in sorted(set(counts) - set(rare))}
    if len(set(classes.values())) < 2:
        only = ", ".join(f"{label} {n}" for label, n in counts.most_common(5))
        raise ValueError(f"fewer than two classes with three images or more ({only or 'no label fits an image'}); a "
                         f"comparison needs two: add the images of the other class")  # fmt: skip
    return classes, ((f"too few images for train, val and test, left out: {', '.join(rare)}", "data.classes"),) * bool(
        rare
    )


def _with_patients(guess: Guess, headers: Mapping[str, str], pattern: str) -> Guess:
    """The guess with a group for each image whose patient is known by header, table, folder or name, in this order."""
    items = [replace(item, patient=headers.get(item.path) or item.patient) for item in guess.items]
    if any(item.path in headers for item in items):
        guess = replace(guess, layout="label_table", images=".", made=True,
                        understood=(*guess.understood, "DICOM headers tell the patients apart"))  # fmt: skip
    questions, group = list(guess.questions), ""
    if not any(item.patient for item in items):
        seen = names.find_patients({item.path: item.label for item in items})
        group = pattern or seen.pattern
        items = [replace(item, patient=_match(group, item.path)) for item in items]
        if not group:
            questions.append((f"no patient known: every image is its own group; {seen.words}", "data.group"))
            if names.running_numbers({item.path: item.label for item in items}):
                questions.append(("names are running numbers, and neighbours may be slices of one scan: a likeness such as "
                                  "0.4 keeps those that resemble each other together (with split.scheme: block and "
                                  "data.unit: blocks)", "data.runs"))  # fmt: skip
    members: dict[str, list[str]] = defaultdict(list)
    for item in items:
        if item.patient:
            members[item.patient].append(item.path.rsplit("/", 1)[-1])
    largest = sorted(members, key=lambda patient: (-len(members[patient]), patient))[:3]
    examples = tuple((patient, tuple(sorted(members[patient])[:2])) for patient in largest)
    return replace(guess, items=items, group=group, examples=examples, questions=tuple(questions))


def _match(pattern: str, path: str) -> str:
    """The patient as `manifest` reads it from a name."""
    match = re.search(pattern, path.rsplit("/", 1)[-1]) if pattern else None
    if match is None:
        return ""
    return "_".join(part for part in match.groups() if part) if match.re.groups else match.group()
