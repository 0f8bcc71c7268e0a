"""What the folders above a set's images say: a part, a class, a patient, or nothing."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scanbook.loaders.layouts import part_of

MANY = 50  # folders side by side that may be classes; more are people
_NOT_A_CLASS = {"images", "image", "img", "imgs", "data", "jpg", "jpeg", "png", "dicom"}
_ASIDE = re.compile(r"(^|/)((?:image)?masks?|annotations?|segmentations?|ground_?truths?|overlays?)/", re.IGNORECASE)
_NUMBERED = re.compile(r"\D*\d+\D*")


@dataclass(frozen=True)
class Item:
    """One image as it is understood; "" is not known."""

    path: str
    label: str
    patient: str = ""
    split: str = ""


@dataclass(frozen=True)
class Levels:
    """Which level of folders, from 0, says what; None: no level does. `wrap`: how many levels all images share."""

    wrap: int
    part: int | None = None
    label: int | None = None
    patient: int | None = None

    def of(self, path: str) -> Item:
        """What the folders say of one image."""
        folders = path.split("/")
        label, patient, part = (
            "" if level is None else folders[level] for level in (self.label, self.patient, self.part)
        )
        return Item(path, label, patient, part_of(part))

    @property
    def usual(self) -> bool:
        """Whether a layout reads it as it lies: parts above classes, nothing between, no folders of patients."""
        first = self.wrap if self.part is None else self.part + 1
        return self.patient is None and self.label == first and self.part in (None, self.wrap)


def levels_of(files: Sequence[str]) -> Levels:
    """What each level of folders is, from the top, as deep as all images go.

    files  posix paths
    """
    folders = [file.split("/")[:-1] for file in files]
    depth = min(map(len, folders))
    wrap = 0
    while wrap < depth and len({f[wrap] for f in folders}) == 1:
        wrap += 1
    part = label = patient = None
    for level in range(wrap, depth):
        names = Counter(f[level] for f in folders)
        if len(names) == 1:
            continue
        if part is None and all(map(part_of, names)):
            part = level
        elif _are_patients(names):
            patient = level if patient is None else patient
        elif label is None and not _NOT_A_CLASS & {name.lower() for name in names}:
            label = level
    return Levels(wrap, part, label, patient)


def _are_patients(names: Counter[str]) -> bool:
    """Many folders, or more than a dozen of one word and a number: people rather than classes (0 to 4 are grades)."""
    numbered = sum(bool(_NUMBERED.fullmatch(name)) for name in names) > 0.8 * len(names)
    return len(names) > MANY or (numbered and len(names) > 12)


def shared_folder(files: Sequence[str], wrap: int) -> str:
    """The folder that all images lie in, "." where that is the set's own."""
    return "/".join(files[0].split("/")[:wrap]) or "."


def find_mask_folders(files: Sequence[str]) -> str:
    """A pattern for folders called masks, annotations …, "" where there are none beside other images."""
    found = sorted({match[2] for file in files if (match := _ASIDE.search(file))})
    if not found or all(_ASIDE.search(file) for file in files):
        return ""
    return rf"(^|/)({'|'.join(map(re.escape, found))})/" if len(found) > 1 else rf"(^|/){re.escape(found[0])}/"
