"""Write a table so that nobody ever reads half of it.

A run may be killed at any moment, and two runs may write the same table at once. The bytes go to a file of
their own beside the target, are pushed to the disk and then renamed over it: a reader finds the old table or
the new one.
"""

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

import pandas as pd


def write_csv_atomically(frame: pd.DataFrame, path: Path) -> Path:
    """Write `frame` as UTF-8 CSV without its index; make the folder where it is missing.

    Returns `path`. On any error the old file stays as it was and nothing is left beside it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = beside(path)
    try:
        with half.open("w", encoding="utf-8", newline="") as stream:
            frame.to_csv(stream, index=False, lineterminator="\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return path


def read_csv(path: Path, text: Iterable[str]) -> pd.DataFrame:
    """Read a table back with the columns of `text` as plain strings.

    Without this an image called "001" comes back as 1, and a class called "NA" or an empty reason as
    not-a-number.
    """
    return pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, encoding="utf-8")


def beside(path: Path) -> Path:
    """A name in the folder of `path` that no other process uses; hidden, so that no layout counts it as an
    image.
    """
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.half")
