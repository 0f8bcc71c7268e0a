"""Measure what comes before training: decoding the files, and building the cache that every run shares.

    python preparing.py JOB.json RESULT.json

The file cache is warm: what is measured is decoding and shrinking, not the disk.
"""

import itertools
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import job
from ours import CLASSES, take_turns
from PIL import Image

from scanbook.loaders.cache import cached_images
from scanbook.loaders.manifest import build_manifest
from scanbook.loaders.reading import read_image


def measure(todo: dict) -> dict:
    """Seconds for all images: each form, a list over rounds."""
    folder, size, cores = Path(todo["photos"]), todo["size"], todo["threads"]
    files = sorted(folder.glob("*/*.jpg"))
    manifest, _ = build_manifest(folder, layout="class_folders", classes={c: c for c in CLASSES}, group="")
    number = itertools.count()
    with tempfile.TemporaryDirectory() as scratch:

        def cache(threads: int) -> Callable[[], None]:
            def build() -> None:  # each time in a folder of its own, so that nothing is found
                cached_images(
                    manifest, folder, Path(scratch) / str(next(number)), size=size, fit="pad", colour="grey",
                    equalise="none", threads=threads,
                )  # fmt: skip

            return build

        def decode(threads: int, shortest: int | None) -> Callable[[], None]:
            def read() -> None:
                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(lambda file: read_image(file, shortest=shortest), files))

            return read

        def plainly() -> None:
            """What one would write without a cache room: open, decode whole, shrink, one after another."""
            for file in files:
                with Image.open(file) as image:
                    image.convert("L").resize(
                        (size, round(size * image.height / image.width)), Image.Resampling.BILINEAR
                    )

        forms = {
            "cache, all cores": cache(cores),
            "cache, one core": cache(1),
            "Pillow, full size, one after another": plainly,
            "decode, full size, one core": decode(1, None),
            "decode, as large as needed, one core": decode(1, 2 * size),
            "decode, as large as needed, all cores": decode(cores, 2 * size),
        }
        seconds = take_turns(forms, todo["rounds"], warm=1)
    return {"images": len(files), "seconds": seconds, "versions": job.versions("pillow", "numpy")}


if __name__ == "__main__":
    job.run(measure, sys.argv)
