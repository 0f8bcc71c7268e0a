"""Images whose anatomy, lesion and lesion mask are known, so that everything else can be tested and shown.

`make_phantoms` writes one of five sets in the layout of the real one it stands for. The answer sheet (truth
table and masks) lies outside the set's folder, where no loader looks. Each patient has random numbers of his
own, keyed by (seed, index): the bytes depend neither on the other patients nor on the number of threads.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frame import Frame

NAMES = ("heart", "artery", "xray", "fetal", "lung")
JPEG_QUALITY = 92


def make_phantoms(name: str, folder: Path, *, seed: int = 0, patients: int | None = None) -> Path:
    """Write a set of phantoms and its answer sheet; a finished identical set is left alone.

    name      one of `NAMES`
    folder    receives `<name>/…` (the images, as the real set lays them out), `truth/<name>.csv` (image_id,
              patient, label, true_label, lesion_share = masked part of the image, then what was drawn),
              `truth/<name>-masks.npz` (one bool array (H, W) an image, keyed by image_id) and
              `truth/<name>.json` (what made the set; written last, so that it says "finished")
    seed      of the whole set; same seed, same bytes
    patients  how many; None for the module's own number

    Returns the set's folder. Raises ValueError for an unknown name or fewer than one patient.
    """
    if name not in NAMES:
        raise ValueError(f"make_phantoms: unknown set {name!r}; known: {', '.join(NAMES)}")
    modality = importlib.import_module(f".{name}", __name__)
    n_patients = int(modality.PATIENTS if patients is None else patients)
    if n_patients < 1:
        raise ValueError(f"make_phantoms({name!r}): patients={n_patients}; give 1 or more, or None")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recipe = {"name": name, "seed": int(seed), "patients": n_patients, "source": _source_hash()}
    if _finished(folder, name, recipe):
        return folder / name
    with tempfile.TemporaryDirectory(prefix=f".making-{name}-", dir=folder) as scratch:
        _make(modality, Path(scratch), name, recipe)
        _move_in(Path(scratch), folder, name, recipe)
    return folder / name


def _make(modality: Any, scratch: Path, name: str, recipe: dict) -> None:
    """Draw all patients into `scratch/<name>` and write the answer sheet beside it."""
    import numpy as np
    import pandas as pd

    root, seed, n_patients = scratch / name, recipe["seed"], recipe["patients"]

    def one(index: int) -> list[tuple[dict, Any]]:
        return [
            (_row(frame), frame.mask)
            for frame in modality.patient_frames(index, n_patients, seed)
            if _save(root, frame)
        ]

    root.mkdir()
    # Threads, not processes: the arrays' work and the compression run outside Python's lock, and a pool of
    # processes would start Python and SciPy anew, which takes longer than the drawing.
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        made = [pair for pairs in pool.map(one, range(n_patients)) for pair in pairs]
    made.sort(key=lambda pair: pair[0]["image_id"])
    table = pd.DataFrame([row for row, _ in made])
    if table["image_id"].duplicated().any():
        raise ValueError(
            f"phantoms {name}: two frames named {table['image_id'][table['image_id'].duplicated()].iloc[0]!r}"
        )
    if hasattr(modality, "write_extras"):
        modality.write_extras(root, table)
    table.to_csv(scratch / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    np.savez_compressed(scratch / f"{name}-masks.npz", **{row["image_id"]: mask for row, mask in made})
    files = sum(path.is_file() for path in root.rglob("*"))
    (scratch / f"{name}.json").write_text(json.dumps({**recipe, "files": files}, indent=1) + "\n")


def _row(frame: Frame) -> dict:
    drawn = dict(frame.truth)
    return {
        "image_id": frame.image_id,
        "patient": frame.patient,
        "label": frame.label,
        "true_label": drawn.pop("true_label", frame.label),
        "lesion_share": float(frame.mask.mean()),
        **drawn,
    }


def _save(root: Path, frame: Frame) -> bool:
    from PIL import Image

    path = root / PurePosixPath(frame.image_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(frame.image)
    if path.suffix == ".png":
        picture.save(path, compress_level=6)
    elif path.suffix in (".jpg", ".jpeg"):
        picture.save(path, "JPEG", quality=JPEG_QUALITY)
    else:
        raise ValueError(f"phantom {frame.image_id!r}: suffix {path.suffix!r}; allowed: .png, .jpg, .jpeg")
    return True


def _source_hash() -> str:
    """Sixteen hex digits over the source of all phantom modules: a set made by older code is made again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _finished(folder: Path, name: str, recipe: dict) -> bool:
    """Whether the marker fits the recipe and no file of the set is missing."""
    truth = folder / "truth"
    try:
        found = json.loads((truth / f"{name}.json").read_text())
    except (OSError, ValueError):
        return False
    files = sum(path.is_file() for path in (folder / name).rglob("*"))
    sheets = (truth / f"{name}.csv").is_file() and (truth / f"{name}-masks.npz").is_file()
    return sheets and found == {**recipe, "files": files}


def _move_in(scratch: Path, folder: Path, name: str, recipe: dict) -> None:
    """Rename the finished set into place, the marker last; an older set goes first."""
    truth = folder / "truth"
    truth.mkdir(exist_ok=True)
    (truth / f"{name}.json").unlink(missing_ok=True)
    if (folder / name).exists():
        os.replace(folder / name, scratch / "older")
    try:
        os.rename(scratch / name, folder / name)
    except OSError:
        if not (folder / name).is_dir():
            raise
        # Somebody else made a set in the same instant; ours takes its place, alike where the seed is.
        shutil.rmtree(folder / name)
        os.rename(scratch / name, folder / name)
    for sheet in (f"{name}.csv", f"{name}-masks.npz", f"{name}.json"):
        os.replace(scratch / sheet, truth / sheet)
