"""Every file below a folder, where folders may be linked, linked in a circle, or closed.

Links are followed, also out of the folder: large sets are often put together from links to another disk. A link that
leads back to a folder it lies in would never end; it is listed like a file, and so is a folder that may not be
opened, so that the reason why nothing of it was read stands in the table (`opening` finds the words).
"""

import os
import re
from collections import Counter
from pathlib import Path

_OFTEN = 100  # the same folder through so many links; a handful of folders can link each other 2**40 times over
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters, and bytes that are not UTF-8


def files_below(root: Path) -> list[Path]:
    """Every file in `root` and its folders, and every folder that could not be entered, sorted by path."""
    found: list[str] = []
    entered: Counter[tuple[int, int]] = Counter()
    waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [(os.fspath(root), frozenset())]
    while waiting:
        place, above = waiting.pop()
        try:
            about = os.stat(place)
            own = (about.st_dev, about.st_ino)
            entered[own] += 1
            if own in above or entered[own] > _OFTEN:
                found.append(place)
                continue
            with os.scandir(place) as entries:
                for entry in entries:
                    if _is_folder(entry):
                        waiting.append((entry.path, above | {own}))
                    else:
                        found.append(entry.path)
        except OSError:
            found.append(place)
    return sorted(map(Path, found))


def fit_name(image_id: str) -> tuple[str, str]:
    """The name as tables and pages can hold it, and why the file cannot be used under it ("" where it can)."""
    shown = _UNFIT.sub(lambda sign: f"\\x{ord(sign.group()) & 0xFF:02x}", image_id)
    if shown == image_id:
        return image_id, ""
    broken = any(ord(sign) >= 0xD800 for sign in _UNFIT.findall(image_id))
    return shown, f"its name {'is not UTF-8' if broken else 'holds a control character'}; rename it"


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
