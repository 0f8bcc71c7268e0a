"""What a page calls an image or a group: its own name, or a pseudonym.

People put names into file names and folders, and a page is made to be passed on. Unless a set says otherwise
(data.ids: as_named), pages say "image 041" and "patient 07". The numbers follow a hash of the real names, so neither
the order of folders nor that of the alphabet shows; which file is which stands in names.csv beside the runs, on the
machine where the images are.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from scanbook.names import one

FILE = "names.csv"
IMAGE_COLUMNS = ("image_id", "image", "example", "nearest", "first", "second")
GROUP_COLUMNS = ("group", "patient")
_ANY_NAME = re.compile(r"'[^']*'")
_SAYS_A_LABEL = ("label ", "conflict", "part ")  # reasons whose quotes hold classes and parts, never files


@dataclass(frozen=True)
class PageNames:
    """The names of one set on its pages.

    hidden  whether pseudonyms are shown
    images  image_id -> what pages call it
    groups  group or patient -> what pages call it
    """

    hidden: bool
    images: dict[str, str] = field(repr=False)
    groups: dict[str, str] = field(repr=False)

    def image(self, image_id: str) -> str:
        """What a page calls this image."""
        return self.images.get(image_id, "another image") if self.hidden else image_id

    def group(self, group: str) -> str:
        """What a page calls this patient, block, or image that is its own group."""
        return self.groups.get(group, "another group") if self.hidden and group else group

    def reason(self, reason: str) -> str:
        """Why a file was set aside, without file or folder names where they are hidden."""
        if not self.hidden or reason.startswith(_SAYS_A_LABEL):
            return reason
        return _ANY_NAME.sub("‹name›", reason)

    def pattern(self, pattern: str) -> str:
        """A regular expression over file names: it may spell out a name."""
        return "given, not shown" if self.hidden and pattern else pattern

    def table(self, table: pd.DataFrame, images: Sequence[str] = (), groups: Sequence[str] = ()) -> pd.DataFrame:
        """A table as a page may show it: images, groups and reasons in the columns usually called so, and in those
        named here.
        """
        if not self.hidden:
            return table
        changed = {}
        for column in table.columns:
            if column in (*IMAGE_COLUMNS, *images):
                changed[column] = [self.image(value) if isinstance(value, str) else value for value in table[column]]
            elif column in (*GROUP_COLUMNS, *groups):
                changed[column] = [self.group(value) if isinstance(value, str) else value for value in table[column]]
            elif column == "reason":
                changed[column] = [self.reason(value) if isinstance(value, str) else value for value in table[column]]
        return table.assign(**changed)


def of(manifest: pd.DataFrame, ids: str, unit: str) -> PageNames:
    """Name every image and group of a manifest.

    ids   as_named or pseudonyms
    unit  what a group is (patients, blocks, images)
    """
    images = _numbered(manifest["image_id"], "image")
    real = (set(manifest["group"]) | set(manifest["patient"])) - {""} - set(images)
    return PageNames(ids == "pseudonyms", images, _numbered(real, one(unit)) | images)


def _numbered(names: Iterable[str], word: str) -> dict[str, str]:
    order = sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())
    digits = len(str(len(order)))
    return {name: f"{word} {number:0{digits}d}" for number, name in enumerate(order, start=1)}


def write(names: PageNames, folder: Path) -> None:
    """Write names.csv, by which the owner of the images finds "image 041" again: kind, name, shown."""
    groups = [(name, shown) for name, shown in names.groups.items() if name not in names.images]
    rows = [("image", name, names.image(name)) for name in names.images]
    rows += [("group", name, names.group(name)) for name, _ in groups]
    table = pd.DataFrame(rows, columns=["kind", "name", "shown"]).sort_values(["kind", "shown", "name"])
    table.to_csv(folder / f"{FILE}.new", index=False)
    os.replace(folder / f"{FILE}.new", folder / FILE)
