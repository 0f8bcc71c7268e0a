"""Prepared images in one file, mapped into memory: decoded once, shared by every run, never half written.

The file's name is a hash of everything that determines its content: the pixels of the used images in their
order, the preparation asked for and the source code of the rooms that do it. A changed image, size or
line of code is another file; nothing is ever updated in place. It is written under a name of its own and
renamed when complete, so two processes that need it at once at worst do the work twice.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scanbook.loaders import files, prepare, reading
from scanbook.loaders.manifest import available_cores

_AHEAD = 64  # images that are prepared before they can be written
_LEFT_S = 3600  # seconds without a change after which a half-written file is nobody's


def cached_images(
    manifest: pd.DataFrame,
    folder: Path,
    cache_dir: Path,
    *,
    size: int,
    fit: str,
    colour: str,
    equalise: str,
    resize: int | None = None,
    threads: int | None = None,
    on_image: Callable[[int, int], None] | None = None,
) -> np.memmap:
    """The used images of a manifest, prepared; made now or found from an earlier call.

    folder     the set's folder, in which image_id is a path
    cache_dir  holds <key>.npy; made where it is missing
    size, fit, colour, equalise, resize   see `prepare.prepare`
    threads    decoding threads; None: as many as there are cores, at most 4
    on_image   called with (done, of) while decoding, in any order of images

    Returns a read-only uint8 array (N_used, size, size, C), C 1 for grey and 3 for rgb; row i is the i-th
    used row of the manifest. Raises OSError when a file has changed or gone since the manifest was made and when
    the disk is too full, ValueError when no image is used.
    """
    used = manifest[manifest["status"] == "used"]
    if used.empty:
        raise ValueError(f"{folder}: no used image in the manifest, so there is nothing to prepare")
    options: dict[str, Any] = {"size": size, "fit": fit, "colour": colour, "equalise": equalise, "resize": resize}
    shape = (len(used), size, size, 1 if colour == "grey" else 3)
    path = Path(cache_dir) / f"{cache_key(used, **options)}.npy"
    images = _open(path, shape)
    if images is None:
        _make(path, shape, used, Path(folder), options, threads, on_image)
        images = np.load(path, mmap_mode="r")
    return images


def cache_key(
    manifest: pd.DataFrame, *, size: int, fit: str, colour: str, equalise: str, resize: int | None = None
) -> str:
    """16 hex digits over pixels, order, preparation and the source of the rooms that prepare."""
    used = manifest[manifest["status"] == "used"]
    digest = hashlib.sha256("\n".join(used["pixel_hash"]).encode())
    digest.update(f"|{size}|{fit}|{colour}|{equalise}|{resize}|".encode())
    here = Path(__file__).parent
    for room in (here / "prepare.py", here / "reading.py", *sorted((here / "decoding").glob("*.py"))):
        digest.update(room.read_bytes())
    return digest.hexdigest()[:16]


def _open(path: Path, shape: tuple[int, ...]) -> np.memmap | None:
    """The finished file, or None where there is none or where a full disk or a copy has cut it short."""
    try:
        images = np.load(path, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None


def _make(
    path: Path,
    shape: tuple[int, ...],
    used: pd.DataFrame,
    folder: Path,
    options: dict,
    threads: int | None,
    on_image: Callable[[int, int], None] | None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    needed, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if needed > free:
        raise OSError(
            f"{path.parent}: {needed / 1e6:.0f} MB are needed for {shape[0]} images of {shape[1]} px, "
            f"{free / 1e6:.0f} MB are free; clear space, or choose a smaller image.size"
        )
    _remove_leftovers(path)
    half = files.beside(path)
    try:
        with half.open("wb") as stream, ThreadPoolExecutor(threads or min(4, available_cores())) as pool:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            jobs = zip(used["image_id"], used["sha256"], strict=True)
            for row, image in enumerate(_in_order(pool, partial(_one, folder, options), jobs)):
                stream.write(image.tobytes())
                if on_image:
                    on_image(row + 1, shape[0])
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def _in_order(pool: ThreadPoolExecutor, make: Callable, jobs: Iterable) -> Iterator[np.ndarray]:
    """`pool.map` that runs no further ahead than _AHEAD: whoever writes may be slower than those who decode."""
    waiting: deque[Future] = deque()
    for job in jobs:
        waiting.append(pool.submit(make, job))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _remove_leftovers(path: Path) -> None:
    """Half-written files that a killed process has left; one that still grows, here or on another machine, is kept."""
    for left in path.parent.glob(f".{path.name}.*.half"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _LEFT_S:
                left.unlink()


def _one(folder: Path, options: dict, job: tuple[str, str]) -> np.ndarray:
    image_id, sha256 = job
    try:
        data = reading.read_bytes(folder / image_id)
    except reading.Unreadable as error:
        raise OSError(f"{folder / image_id}: {error}; the manifest knows it: build the manifest again") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise OSError(f"{folder / image_id}: changed since the manifest was made; build the manifest again")
    return prepare.prepare_bytes(data, **options)
