"""Sets that come as one .npz of arrays, as MedMNIST does → PNG files in split folders, which everything else reads.

The folder appears whole or not at all: images are written beside it and renamed in. A folder that was made from the
same file is left as it is, so that the command can be repeated.
"""

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

PARTS = ("train", "val", "test")
MADE_FROM = ".made-from"  # in the folder: sha256 of the file and the classes' names; hidden, so never an image
MANY = 50  # classes; more different labels are no classes


def unpack_arrays(file: Path, folder: Path, names: Sequence[str] = ()) -> list[str]:
    """Write the images of `file` to folder/{train,val,test}/<class>/<number>.png.

    file    .npz with train_images uint8 (N, H, W) or (N, H, W, 3), train_labels (N,) or (N, 1), and the same for test,
            and for val where there is one
    folder  does not exist, or was made from this file
    names   of the classes in the order of their numbers; without them class_0, class_1 …

    Returns the class names. Raises ValueError for other arrays, labels that are several an image, a wrong number of
    names, and a folder that holds something else.
    """
    content = file.read_bytes()
    arrays = _read(file)
    labels = {part: _labels(file, part, arrays[f"{part}_labels"]) for part in _parts(file, arrays)}
    classes = _names(file, sorted({int(label) for of_part in labels.values() for label in of_part}), names)
    mark = "\n".join([hashlib.sha256(content).hexdigest(), *classes.values()]) + "\n"
    if folder.exists():
        made_from = folder / MADE_FROM
        if made_from.is_file() and made_from.read_text(encoding="utf-8") == mark:
            return list(classes.values())
        raise ValueError(f"{folder}: is there already and was not made from this {file.name} with these classes; take it "
                         f"away or choose another name")  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for part, of_part in labels.items():
            _write(arrays[f"{part}_images"], of_part, classes, new / part)
        new.chmod(0o755)  # a temporary folder is the owner's alone
        (new / MADE_FROM).write_text(mark, encoding="utf-8")
        os.replace(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return list(classes.values())


def _read(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file.name}: cannot be read as a .npz of plain arrays ({error})") from None


def _parts(file: Path, arrays: dict[str, np.ndarray]) -> list[str]:
    parts = [part for part in PARTS if f"{part}_images" in arrays and f"{part}_labels" in arrays]
    if not {"train", "test"} <= set(parts):
        raise ValueError(f"{file.name}: needs train_images, train_labels, test_images and test_labels; it holds "
                         f"{', '.join(sorted(arrays)) or 'nothing'}")  # fmt: skip
    for part in parts:
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        flat = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
        if not flat or images.dtype != np.uint8:
            raise ValueError(f"{file.name}: {part}_images is {images.dtype} {images.shape}; needed are uint8 images, "
                             f"(N, H, W) grey or (N, H, W, 3) colour. Of a volume, cut slices first")  # fmt: skip
        if len(images) != len(labels):
            raise ValueError(f"{file.name}: {len(images)} {part}_images and {len(labels)} {part}_labels")
    return parts


def _labels(file: Path, part: str, labels: np.ndarray) -> np.ndarray:
    """int (N,) of one part. ValueError for several labels an image, and for measurements."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise ValueError(f"{file.name}: {part}_labels is {labels.shape}: {labels.shape[1]} labels an image. Networks here "
                         f"give one class an image: choose one column as the question and save it as (N, 1)")  # fmt: skip
    flat = labels.reshape(len(labels))
    if flat.dtype.kind not in "iub" or len(np.unique(flat)) > MANY:
        raise ValueError(f"{file.name}: {part}_labels holds {len(np.unique(flat))} different {flat.dtype} values, no "
                         f"classes; cut a measurement into classes first")  # fmt: skip
    return flat


def _names(file: Path, numbers: list[int], names: Sequence[str]) -> dict[int, str]:
    if names and len(names) != len(numbers):
        raise ValueError(
            f"{file.name}: {len(numbers)} classes ({', '.join(map(str, numbers))}), but {len(names)} names given"
        )
    if bad := [name for name in names if not re.fullmatch(r"[^\W_][\w .-]*", name)]:
        raise ValueError(f"{bad[0]!r} becomes a folder's name: letters, digits, spaces, - and _ only")
    return dict(zip(numbers, names or [f"class_{number}" for number in numbers], strict=True))


def _write(images: np.ndarray, labels: np.ndarray, classes: dict[int, str], folder: Path) -> None:
    for name in classes.values():
        (folder / name).mkdir(parents=True, exist_ok=True)
    digits = len(str(len(images)))
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / classes[int(label)] / f"{number:0{digits}d}.png", compress_level=1)
