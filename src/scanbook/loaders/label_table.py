"""Images whose label, and where known patient and part, stand in a table: joined by name, never by position.

Tables name files in many ways: by path, by bare name, with or without the extension, by a path on the machine where
the table was made. A row belongs to a file when one of the two paths ends in the other. What fits no file, or more
than one, is said and not guessed: one wrong join is a wrong label.
"""

import csv
import io
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scanbook.loaders import layouts
from scanbook.loaders.layouts import Found


@dataclass(frozen=True)
class Columns:
    """The columns of a table: `name` and `label` are needed, "" means there is none."""

    name: str
    label: str
    patient: str = ""
    split: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a table, as written but for spaces at both ends; `line` counts from the header, which is 1."""

    line: int
    name: str
    label: str
    patient: str = ""
    split: str = ""


def find_in_table(folder: Path, images: str, classes: dict[str, str], table: str, columns: Columns) -> list[Found]:
    """Files under folder/images with what the rows of a table say of them.

    folder   of the set
    images   folder inside it, or "."
    classes  label in the table -> ours
    table    path of the table inside `folder`, or an absolute path
    columns  which of its columns say what

    A file whose rows disagree on label, patient or part is returned with that reason; so are rows without file,
    files without row, names that fit several files, and labels and parts that are not known.
    Raises ValueError for a missing folder, table or column.
    """
    root = layouts.images_folder(folder, images)
    source, called = folder / table, Path(table).name
    rows = read_rows(source, columns)
    paths = [path for path in layouts.files_below(root) if path != source]
    taken = join(rows, [p.relative_to(root).as_posix() for p in paths if not layouts.is_system(p, folder)])
    said: dict[str, list[Row]] = defaultdict(list)
    doubt: dict[str, str] = {}
    lost: dict[str, list[Row]] = defaultdict(list)
    for row, (files, why) in zip(rows, taken, strict=True):
        if not files:
            lost[row.name or f"(line {row.line} without a name)"].append(row)
        for file in files:
            said[file].append(row)
            if why:
                doubt[file] = why.format(table=called)
    found = []
    for path in paths:
        inner = path.relative_to(root).as_posix()
        image_id = path.relative_to(folder).as_posix()
        if layouts.is_system(path, folder):
            found.append(Found(image_id, path, reason="system file"))
        elif inner not in said:
            found.append(Found(image_id, path, reason=f"no row of {called} names it"))
        elif inner in doubt:
            found.append(Found(image_id, path, reason=doubt[inner]))
        else:
            found.append(_agreed(image_id, path, said[inner], classes, called))
    for name, all_of_it in lost.items():
        labels = {row.label for row in all_of_it}
        label = classes.get(next(iter(labels)), "") if len(labels) == 1 else ""
        image_id = (PurePosixPath(images) / _normal(name).lstrip("/")).as_posix()
        found.append(Found(image_id, None, label, reason=f"named in {called}, but there is no such file"))
    return found


def read_rows(path: Path, columns: Columns) -> list[Row]:
    """Every row that holds anything; comma, semicolon or tab, whichever shows all the columns asked for."""
    wanted = [column for column in (columns.name, columns.label, columns.patient, columns.split) if column]
    header, rows = read_table(path, wanted)
    missing = [column for column in wanted if column not in header]
    if missing:
        keys = {columns.name: "name_column", columns.label: "label_column", columns.patient: "patient_column",
                columns.split: "split_column"}  # fmt: skip
        raise ValueError(
            f"{path}: needs the column{'s' if len(wanted) > 1 else ''} {', '.join(map(repr, wanted))}, found {header}; "
            f"set {' and '.join(f'data.{keys[column]}' for column in missing)}"
        )
    if twice := [column for column in wanted if header.count(column) > 1]:
        raise ValueError(f"{path}: the column {twice[0]!r} stands there twice; rename one of them")
    at = {column: header.index(column) for column in wanted}

    def cell(row: list[str], column: str) -> str:
        return row[at[column]].strip() if column and at[column] < len(row) else ""  # a short row lacks its last cells

    return [
        Row(
            line,
            cell(row, columns.name),
            cell(row, columns.label),
            cell(row, columns.patient),
            cell(row, columns.split),
        )
        for line, row in enumerate(rows, start=2)
        if any(map(str.strip, row))
    ]


def read_table(path: Path, wanted: list[str] | None = None) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a text table.

    wanted  columns that the right separator shows; without them it is the one that makes the most columns

    Raises ValueError where there is no such file or it is not UTF-8 text.
    """
    if not path.is_file():
        beside = layouts.listing(path.parent)
        raise ValueError(f"{path}: there is no such table; found beside it: {beside}; set data.table")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason}); save it as CSV in UTF-8") from None
    best: list[list[str]] = []
    for mark in ",;\t":
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
        header = [column.strip() for column in rows[0]] if rows else []
        if wanted and set(wanted) <= set(header):
            return header, rows[1:]
        if rows and len(rows[0]) > len(best[0] if best else []):
            best = rows
    return [column.strip() for column in best[0]] if best else [], best[1:]


def join(rows: list[Row], files: list[str]) -> list[tuple[list[str], str]]:
    """The files that each row names, and why that is doubtful ("" where it is not; {table} stands for its name).

    files  posix paths below the folder of images

    First a file whose path ends as the row does, the one at exactly that path before others; then, for rows with a
    longer path than any file, the file whose whole path is the longest end of the row.
    """
    ends: dict[str, list[str]] = defaultdict(list)
    whole: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for form in _forms(file):
            whole[form].append(file)
            for end in _ends(form):
                ends[end].append(file)
    names = [_normal(row.name).strip("/") for row in rows]
    direct = [
        [file for file in whole.get(name, []) if _normal(file) == name] or list(dict.fromkeys(ends.get(name, [])))
        for name in names
    ]
    claimed = {file for fits in direct for file in fits}
    longer = [
        [] if fits else next((whole[end] for end in _ends(name) if end in whole and claimed.isdisjoint(whole[end])), [])
        for name, fits in zip(names, direct, strict=True)
    ]
    claims: dict[str, set[str]] = defaultdict(set)
    for name, fits in zip(names, longer, strict=True):
        for file in fits:
            claims[file].add(name)
    taken = []
    for row, fits, far in zip(rows, direct, longer, strict=True):
        why = ""
        if any(len(claims[file]) > 1 for file in far):
            why = "several rows of {table} end in its name, each with another folder before it"
        elif len(fits or far) > 1:
            why = f"{_braces(repr(row.name))} of {{table}} fits {len(fits or far)} files"
        taken.append((fits or far, why))
    return taken


def _forms(file: str) -> list[str]:
    """The path, and the path without its extension; a dot and digits are part of a name, as in 1.2.840.10008."""
    path = PurePosixPath(_normal(file))
    short = path.with_suffix("") if re.fullmatch(r"\.[A-Za-z]\w{1,4}", path.suffix) else path
    return list(dict.fromkeys((str(path), str(short))))


def _normal(name: str) -> str:
    """One spelling of a path: slashes forward, no ./ before it, letters with accents composed."""
    return re.sub(r"^(\./)+", "", unicodedata.normalize("NFC", name).replace("\\", "/"))


def _ends(path: str) -> list[str]:
    """a/b/c, b/c, c: the longest first."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))] if path else []


def _braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _agreed(image_id: str, path: Path, rows: list[Row], classes: dict[str, str], table: str) -> Found:
    """One file and what its rows say, or the point on which they differ."""
    labels = sorted({classes.get(row.label, row.label) for row in rows})
    patients = {row.patient for row in rows} - {""}
    parts = sorted({layouts.part_of(row.split) if row.split else "" for row in rows})
    if len(labels) > 1:
        return Found(image_id, path, reason=f"conflict: {table} calls it {' and '.join(map(repr, labels))}")
    if len(patients) > 1:  # by number: a reason stands in a page, a patient's name must not
        return Found(image_id, path, reason=f"conflict: {table} gives it {len(patients)} patients")
    if len(parts) > 1:
        return Found(image_id, path, reason=f"conflict: {table} puts it into {len(parts)} parts")
    if labels[0] not in classes.values():
        return Found(image_id, path, reason=f"label {labels[0]!r} is not among the classes")
    if parts[0] == "" and rows[0].split:
        known = ", ".join(layouts.PARTS)
        return Found(image_id, path, reason=f"part {rows[0].split!r} of {table} is not among {known}")
    return Found(image_id, path, labels[0], parts[0], patient="".join(patients))
