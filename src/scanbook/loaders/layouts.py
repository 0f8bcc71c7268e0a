"""Which file carries which label: three layouts, no pixel read.

Labels come from a class folder, from a class folder inside train, val or test, or from a table. A table is
joined by name and never by position: the order of its rows means nothing. Whatever is found is returned, with
the reason where it cannot be used, so that a count of files on disk and a count of rows always agree.
"""

import csv
import difflib
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

LAYOUTS = ("class_folders", "split_folders", "label_table")
PARTS = ("train", "val", "test")
_SYSTEM = {"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"}


@dataclass(frozen=True)
class Found:
    """One file, or one table row without a file (path None). `reason` is empty where it can be used."""

    image_id: str
    path: Path | None
    label: str = ""
    given_split: str = ""
    reason: str = ""


def find_in_class_folders(folder: Path, images: str, classes: dict[str, str]) -> list[Found]:
    """folder/images/<class>/**; `classes` maps the folder's name to ours. Raises ValueError for a missing
    folder.
    """
    root = _root(folder, images)
    _require_folders(folder, root, classes, [root], "class folder")
    return [_by_class(folder, path, path.relative_to(root).parts, classes) for path in _files(root)]


def find_in_split_folders(folder: Path, images: str, classes: dict[str, str]) -> list[Found]:
    """folder/images/{train,val,test}/<class>/**; val may be missing. ValueError for a missing folder."""
    root = _root(folder, images)
    _require_folders(folder, root, ("train", "test"), [root], "folder")
    _require_folders(folder, root, classes, [root / part for part in PARTS], "class folder")
    found = []
    for path in _files(root):
        part, *rest = path.relative_to(root).parts
        image = _by_class(folder, path, tuple(rest), classes)
        if part in PARTS or image.reason == "system file":
            found.append(replace(image, given_split=part if part in PARTS else ""))
        else:
            reason = f"folder {part!r} is not among train, val, test" if rest else "lies outside train, val, test"
            found.append(Found(image.image_id, path, reason=reason))
    return found


def find_in_table(
    folder: Path, images: str, classes: dict[str, str], table: str, name_column: str, label_column: str
) -> list[Found]:
    """Files under folder/images, labelled by the rows of folder/table with the same name.

    A row names a file by its path under `images` or by its bare name, each with or without the extension.
    Rows without file, files without row, names that fit several files and files with two different labels are
    returned with a reason.
    Raises ValueError for a missing folder, table or column.
    """
    root = _root(folder, images)
    rows = read_label_rows(folder / table, name_column, label_column)
    paths = [path for path in _files(root) if path != folder / table]
    files_of: dict[str, list[Path]] = defaultdict(list)
    for path in (p for p in paths if not _is_system(p, folder)):
        inner = PurePosixPath(path.relative_to(root).as_posix())
        for name in {str(inner), str(inner.with_suffix("")), path.name, path.stem}:
            files_of[name].append(path)
    labels: dict[Path, set[str]] = defaultdict(set)
    doubtful: dict[Path, str] = {}
    lost: dict[str, set[str]] = defaultdict(set)
    for number, (name, label) in enumerate(rows, start=2):  # line 1 holds the column names
        matches = files_of.get(name, [])
        exact = [path for path in matches if path.relative_to(root).as_posix() == name]
        matches = exact or matches
        if not matches:
            lost[name or f"(line {number} without a name)"].add(label)
        for path in matches:
            labels[path].add(label)
            if len(matches) > 1:
                doubtful[path] = f"{name!r} of {table} fits {len(matches)} files"
    found = []
    for path in paths:
        found.append(_by_row(folder, path, labels.get(path, set()), doubtful.get(path, ""), classes, table))
    for name, said in lost.items():
        image_id = (PurePosixPath(images) / name).as_posix()
        label = classes.get(next(iter(said)), "") if len(said) == 1 else ""
        found.append(Found(image_id, None, label, reason=f"named in {table}, but there is no such file"))
    return found


def read_label_rows(path: Path, name_column: str, label_column: str) -> list[tuple[str, str]]:
    """(name, label) of every row, stripped of spaces; comma, semicolon or tab, whichever shows both."""
    if not path.is_file():
        raise ValueError(f"{path}: there is no such table; found beside it: {_listing(path.parent)}; set data.table")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    headers = {}
    for mark in ",;\t":
        header = [column.strip() for column in next(csv.reader(lines[:1], delimiter=mark), [])]
        if name_column in header and label_column in header:
            name_at, label_at = header.index(name_column), header.index(label_column)
            wanted = 1 + max(name_at, label_at)
            rows = (row for row in csv.reader(lines[1:], delimiter=mark) if any(map(str.strip, row)))
            full = ([*row, *[""] * wanted] for row in rows)  # a short row lacks a label: a reason, not an error
            return [(row[name_at].strip(), row[label_at].strip()) for row in full]
        headers[len(header)] = header
    columns = headers[max(headers)] if headers else []
    raise ValueError(
        f"{path}: needs the columns {name_column!r} and {label_column!r}, found {columns}; "
        f"set data.name_column and data.label_column"
    )


def _by_class(folder: Path, path: Path, parts: tuple[str, ...], classes: dict[str, str]) -> Found:
    image_id = path.relative_to(folder).as_posix()
    if _is_system(path, folder):
        return Found(image_id, path, reason="system file")
    if len(parts) < 2:
        return Found(image_id, path, reason="lies outside the class folders")
    if parts[0] not in classes:
        return Found(image_id, path, reason=f"folder {parts[0]!r} is not among the classes")
    return Found(image_id, path, classes[parts[0]])


def _by_row(folder: Path, path: Path, said: set[str], doubt: str, classes: dict[str, str], table: str) -> Found:
    image_id = path.relative_to(folder).as_posix()
    if _is_system(path, folder):
        return Found(image_id, path, reason="system file")
    if not said:
        return Found(image_id, path, reason=f"no row of {table} names it")
    ours = sorted({classes.get(label, label) for label in said})
    if doubt:
        return Found(image_id, path, reason=doubt)
    if len(ours) > 1:
        return Found(image_id, path, reason=f"conflict: {table} calls it {' and '.join(map(repr, ours))}")
    if ours[0] not in classes.values():
        return Found(image_id, path, reason=f"label {ours[0]!r} is not among the classes")
    return Found(image_id, path, ours[0])


def _root(folder: Path, images: str) -> Path:
    if not folder.is_dir():
        near = difflib.get_close_matches(folder.name, _folders(folder.parent), n=1)
        raise ValueError(
            f"{folder}: there is no such folder; found beside it: {_listing(folder.parent)}; "
            "put the set there, or set data.folder or DATA_DIR" + (f" (did you mean {near[0]}?)" if near else "")
        )
    if not (folder / images).is_dir():
        raise ValueError(f"{folder / images}: no such folder; found in {folder}: {_listing(folder)}; set data.images")
    return folder / images if images != "." else folder


def _require_folders(folder: Path, root: Path, names: Iterable[str], places: list[Path], what: str) -> None:
    names = list(names)
    here = {name for place in places for name in _folders(place)}
    missing = [name for name in names if name not in here]
    if not missing:
        return
    text = f"{root}: {what} {', '.join(map(repr, missing))} not found; expected {', '.join(names)}; found "
    text += ", ".join(sorted(here)) or "no folder at all"
    inner = [n for n in _folders(root) if set(_folders(root / n)) & {*names, *PARTS}]
    if len(inner) == 1 and inner[0] not in PARTS:
        hint = f"it seems to lie one folder deeper: set data.folder to {folder.name}/{inner[0]}, or move it up"
    else:
        near = difflib.get_close_matches(missing[0], sorted(here), n=1)
        hint = "set data.classes to the folders' names" + (f" (did you mean {near[0]!r}?)" if near else "")
    raise ValueError(f"{text}; {hint}")


def _files(root: Path) -> list[Path]:
    return sorted(Path(base) / name for base, _, names in os.walk(root) for name in names)


def _folders(place: Path) -> list[str]:
    if not place.is_dir():
        return []
    return sorted(e.name for e in place.iterdir() if e.is_dir() and e.name not in _SYSTEM and e.name[0] != ".")


def _listing(place: Path, most: int = 8) -> str:
    names = sorted(e.name for e in place.iterdir() if e.name[0] != ".") if place.is_dir() else []
    return (", ".join(names[:most]) + (f" … ({len(names)} in all)" if len(names) > most else "")) or "nothing"


def _is_system(path: Path, folder: Path) -> bool:
    return any(part in _SYSTEM or part.startswith(".") for part in path.relative_to(folder).parts)
