"""A second folder of images, from another place: what lies in it, read for a network that was trained without it.

Unlike a set to train on it may hold anything: one class only, classes that the network does not know, no labels at all,
files that are no images. Nothing of that is an error; each file gets a row that says what is known of it.
"""

from pathlib import Path

import pandas as pd

from scanbook.loaders import label_table, layouts, scanning
from scanbook.loaders.label_table import Columns
from scanbook.loaders.manifest import available_cores, matcher
from scanbook.loaders.walking import files_below, fit_name

COLUMNS = ("image_id", "label", "said", "group", "width", "height", "sha256", "pixel_hash", "status", "reason")


def look(
    folder: Path,
    *,
    classes: dict[str, str],
    group: str = "",
    exclude: str = "",
    columns: Columns | None = None,
    check: dict | None = None,
    threads: int | None = None,
) -> tuple[pd.DataFrame, str]:
    """List and decode every file of a folder, and find labels for them where there are any.

    classes   the source's name of a class -> ours; a folder or a table may use either
    group     regular expression that finds the patient in a file's name; see `manifest.build_manifest`
    exclude   regular expression: what it finds in a path is set aside
    columns   of a label table, should one CSV file at the top of the folder have them
    check     {"pattern": …, "meaning": {…}} as in `manifest.build_manifest`: the name may tell the label

    Labels come from the first of these that says anything: a table, folders called like classes, the names of the files.

    Returns one row a file, sorted: image_id (path inside the folder), label (ours, or ""), said (what was said where it is
    none of the classes: such an image shows something else), group ("" where no patient is found), width, height,
    sha256, pixel_hash, status used or excluded, and reason; and where labels come from, in words, "" for nowhere.
    Raises ValueError where there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder.name}: there is no such folder; found beside it: {layouts.listing(folder.parent)}")
    files = files_below(folder)
    tables = [] if columns is None else [f for f in files if f.parent == folder and _is_table(f, columns)]
    named = [(path.relative_to(folder).as_posix(), path) for path in files if path not in tables[:1]]
    names = [fit_name(name) for name, _ in named]
    said, source = _said(folder, [name for name, _ in named], tables, classes, columns, check)
    ours = {**classes, **{name: name for name in classes.values()}}
    left_out = matcher(exclude, "data.exclude")
    seen = scanning.scan(folder, [name for name, _ in named], threads=threads or min(4, available_cores()))
    patient, rows = matcher(group, "data.group"), []
    for (name, path), (shown, unfit), word, one in zip(named, names, said, seen, strict=True):
        reason = unfit or ("system file" if layouts.is_system(path, folder) else "")
        reason = reason or ("set aside by data.exclude" if left_out(name) else one.reason)
        rows.append((shown, ours.get(word, ""), "" if word in ours else word, patient(path.name), one.width, one.height,
                     one.sha256, one.pixel_hash, "excluded" if reason else "used", reason))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)), source


def _said(
    folder: Path,
    names: list[str],
    tables: list[Path],
    classes: dict[str, str],
    columns: Columns | None,
    check: dict | None,
) -> tuple[list[str], str]:
    """What is said of each file, as it is written, and by whom."""
    if tables and columns is not None:
        rows = label_table.read_rows(tables[0], columns)
        found: dict[str, set[str]] = {}
        for row, (files, why) in zip(rows, label_table.join(rows, names), strict=True):
            for file in files if not why else []:
                found.setdefault(file, set()).add(row.label)
        return ["".join(found[n]) if len(found.get(n, ())) == 1 else "" for n in names], tables[0].name
    first = [name.split("/")[0] if "/" in name else "" for name in names]
    if set(first) & {*classes, *classes.values()}:
        return first, "its folders"
    if check:
        code = matcher(check["pattern"], "data.check.pattern")
        words = [(code(name.rsplit("/", 1)[-1])) for name in names]
        if any(words):
            return [check["meaning"].get(word, word) for word in words], "the names of its files"
    return [""] * len(names), ""


def _is_table(file: Path, columns: Columns) -> bool:
    if file.suffix.lower() not in (".csv", ".tsv"):
        return False
    try:
        header, _ = label_table.read_table(file, [columns.name, columns.label])
    except ValueError:
        return False
    return {columns.name, columns.label} <= set(header)
