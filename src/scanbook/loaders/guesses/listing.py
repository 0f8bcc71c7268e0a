"""What lies in a folder of images before anything is known of it: images, tables, headers that name a patient.

Only names and first bytes are read, and the tables; of a DICOM file, the header.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scanbook.loaders import layouts
from scanbook.loaders.decoding.formats import Unreadable, sniff
from scanbook.loaders.label_table import read_table

Table = tuple[Sequence[str], Sequence[Sequence[str]]]  # header and rows
_TABLES = (".csv", ".tsv")
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
_NO_IMAGE = (".txt", ".json", ".xml", ".md", ".pdf", ".zip", ".gz", ".py", ".ipynb", ".html", ".xlsx", ".xls", ".npy",
             ".npz", ".mat", ".yaml", ".yml", ".log", ".db")  # fmt: skip
_MAX_TABLE = 500_000_000  # bytes


@dataclass
class Listing:
    """Posix paths inside the folder: images; tables with their cells; tables that cannot be read, with the reason; and
    how many other files there are.
    """

    images: list[str] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    others: int = 0


def list_folder(folder: Path) -> Listing:
    """What a folder holds, system and hidden files left out.

    What has a usual ending is believed here and looked at when the set is read; of others the first bytes decide.
    """
    found = Listing()
    for path in layouts.files_below(folder):
        name, ending = path.relative_to(folder).as_posix(), path.suffix.lower()
        if layouts.is_system(path, folder):
            continue
        if ending in _TABLES:
            try:
                if path.stat().st_size > _MAX_TABLE:
                    raise ValueError(f"larger than {_MAX_TABLE // 10**6} MB")
                found.tables[name] = read_table(path)
            except (ValueError, OSError) as error:
                found.unread[name] = str(error).removeprefix(f"{path}: ")
        elif ending in _IMAGES or (ending not in _NO_IMAGE and _kind(path)):
            found.images.append(name)
        else:
            found.others += 1
    return found


def patients_in_headers(folder: Path, images: Iterable[str]) -> dict[str, str]:
    """path -> patient of the DICOM files whose header names one.

    Raises Unreadable where pydicom is missing: without it no such file can be used.
    """
    found = {}
    for name in images:
        if not name.lower().endswith(_IMAGES) and _kind(folder / name) == "DICOM":
            from scanbook.loaders.decoding import dicom

            try:
                found[name] = dicom.header(folder / name).patient_id
            except Unreadable as error:
                if str(error) == dicom.INSTALL:
                    raise
    return {name: patient for name, patient in found.items() if patient}


def _kind(path: Path) -> str:
    """JPEG, DICOM … by the first bytes, "" for what is no image."""
    try:
        with open(path, "rb") as stream:
            return sniff(stream.read(512))
    except (OSError, Unreadable):
        return ""
