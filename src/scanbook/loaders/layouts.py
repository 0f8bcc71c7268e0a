"""Which file carries which label: class folders and split folders, no pixel read; tables are `label_table`'s.

Labels come from a class folder, or from a class folder inside train, val or test. Whatever is found is returned,
with the reason where it cannot be used, so that a count of files on disk and a count of rows always agree.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from scanbook.loaders.walking import files_below, fit_name

LAYOUTS = ("class_folders", "split_folders", "label_table")
PARTS = ("train", "val", "test")
CLASS_FOLDERS = ("class folder", "set data.classes to the folders' names")  # what is missing, and what to do
_SPELLINGS = (
    dict.fromkeys(("train", "training"), "train")
    | dict.fromkeys(("val", "valid", "validation", "dev"), "val")
    | dict.fromkeys(("test", "testing", "holdout"), "test")
)
_SYSTEM = {"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"}


@dataclass(frozen=True)
class Found:
    """One file, or one table row without a file (path None). `reason` is empty where it can be used."""

    image_id: str
    path: Path | None
    label: str = ""
    given_split: str = ""
    reason: str = ""
    patient: str = ""  # as a table names it; where it is empty, the file's name may

    def __post_init__(self) -> None:
        name, unfit = fit_name(self.image_id)
        if unfit:  # such a name would break the tables that follow
            object.__setattr__(self, "image_id", name)
            object.__setattr__(self, "reason", self.reason or unfit)


def find_in_class_folders(folder: Path, images: str, classes: dict[str, str]) -> list[Found]:
    """folder/images/<class>/**; `classes` maps the folder's name to ours. Raises ValueError for a missing
    folder.
    """
    root = images_folder(folder, images)
    _require_folders(folder, root, classes, _folders(root), *CLASS_FOLDERS)
    return [_by_class(folder, path, path.relative_to(root).parts, classes) for path in files_below(root)]


def find_in_split_folders(folder: Path, images: str, classes: dict[str, str]) -> list[Found]:
    """folder/images/{train,val,test}/<class>/**; val may be missing, and each part may be spelled as `part_of` reads
    it (Training, valid …). ValueError for a missing folder.
    """
    root = images_folder(folder, images)
    parts = {name: part_of(name) for name in _folders(root) if part_of(name)}
    _require_folders(folder, root, ("train", "test"), [*_folders(root), *parts.values()], "folder", "set data.layout")
    here = {name for folder_name in parts for name in _folders(root / folder_name)}
    _require_folders(folder, root, classes, here, *CLASS_FOLDERS)
    found = []
    for path in files_below(root):
        name, *rest = path.relative_to(root).parts
        image = _by_class(folder, path, tuple(rest), classes)
        if name in parts or image.reason == "system file":
            found.append(replace(image, given_split=parts.get(name, "")))
        else:
            reason = f"folder {name!r} is not among train, val, test" if rest else "lies outside train, val, test"
            found.append(Found(image.image_id, path, reason=reason))
    return found


def part_of(word: str) -> str:
    """train, val or test for any usual spelling of it ("Training", "dev", "hold-out"); "" for another word."""
    return _SPELLINGS.get(re.sub(r"[\W_]", "", word.lower()), "")


def set_aside(found: list[Found], exclude: str) -> list[Found]:
    """The same files, those whose path the pattern `exclude` finds with that reason (masks, overlays, previews).

    Raises ValueError for a pattern that is none.
    """
    if not exclude:
        return found
    try:
        pattern = re.compile(exclude)
    except re.error as error:
        raise ValueError(f"data.exclude: {exclude!r} is no regular expression ({error})") from error
    return [
        replace(one, reason="set aside by data.exclude") if not one.reason and pattern.search(one.image_id) else one
        for one in found
    ]


def _by_class(folder: Path, path: Path, parts: tuple[str, ...], classes: dict[str, str]) -> Found:
    image_id = path.relative_to(folder).as_posix()
    if is_system(path, folder):
        return Found(image_id, path, reason="system file")
    if len(parts) < 2:
        return Found(image_id, path, reason="lies outside the class folders")
    if parts[0] not in classes:
        return Found(image_id, path, reason=f"folder {parts[0]!r} is not among the classes")
    return Found(image_id, path, classes[parts[0]])


def images_folder(folder: Path, images: str) -> Path:
    """folder/images. Raises ValueError where either is missing, naming what lies there."""
    if not folder.is_dir():
        near = difflib.get_close_matches(folder.name, _folders(folder.parent), n=1)
        raise ValueError(
            f"{folder}: there is no such folder; found beside it: {listing(folder.parent)}; "
            "put the set there, or set data.folder or DATA_DIR" + (f" (did you mean {near[0]}?)" if near else "")
        )
    if not (folder / images).is_dir():
        raise ValueError(f"{folder / images}: no such folder; found in {folder}: {listing(folder)}; set data.images")
    return folder / images if images != "." else folder


def _require_folders(
    folder: Path, root: Path, names: Iterable[str], here: Iterable[str], what: str, advice: str
) -> None:
    names, here = list(names), set(here)
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
        hint = advice + (f" (did you mean {near[0]!r}?)" if near else "")
    raise ValueError(f"{text}; {hint}")


def _folders(place: Path) -> list[str]:
    if not place.is_dir():
        return []
    return sorted(e.name for e in place.iterdir() if e.is_dir() and e.name not in _SYSTEM and e.name[0] != ".")


def listing(place: Path, most: int = 8) -> str:
    """The names in a folder, as an error message lists them."""
    names = sorted(e.name for e in place.iterdir() if e.name[0] != ".") if place.is_dir() else []
    return (", ".join(names[:most]) + (f" … ({len(names)} in all)" if len(names) > most else "")) or "nothing"


def is_system(path: Path, folder: Path) -> bool:
    """Whether some part of the path inside `folder` is what an operating system leaves behind, or hidden."""
    return any(part in _SYSTEM or part.startswith(".") for part in path.relative_to(folder).parts)
