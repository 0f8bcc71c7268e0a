"""Look at every file of a set once, and remember what was seen.

Decoding is what takes time, so each file is opened once, and everything later work asks of it is taken then: size,
hashes of file and pixels, and the two small views by which pictures are compared. What was seen is kept in a SQLite
file under the path, size and times of each file. A scan that is cut goes on where it was; a second scan only asks the
file system.
"""

import contextlib
import hashlib
import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from scanbook.loaders.reading import Unreadable, decode, read_bytes
from scanbook.loaders.views import SIDE, views_of

_AT_ONCE = 512  # files between two writes
_PATIENCE = 60.0  # seconds to wait for another process that writes
_TABLE = """CREATE TABLE IF NOT EXISTS seen (path TEXT PRIMARY KEY, bytes INTEGER, mtime INTEGER, ctime INTEGER,
width INTEGER, height INTEGER, mode TEXT, sha256 TEXT, pixel_hash TEXT, reason TEXT, views BLOB) WITHOUT ROWID"""
_KEPT = ("bytes", "mtime", "ctime", "width", "height", "mode", "sha256", "pixel_hash", "reason", "views")
_WRITE = "INSERT OR REPLACE INTO seen VALUES (?,?,?,?,?,?,?,?,?,?,?)"


@dataclass(frozen=True)
class Seen:
    """What one file is. mtime, ctime: nanoseconds; width, height: pixels after turning; views: uint8 (2, SIDE, SIDE),
    None where `reason` says why the file cannot be used.
    """

    bytes: int = 0
    mtime: int = 0
    ctime: int = 0
    width: int = 0
    height: int = 0
    mode: str = ""
    sha256: str = ""
    pixel_hash: str = ""
    reason: str = ""
    views: np.ndarray | None = None


def scan(folder: Path, paths: Iterable[str], memory: Path | None = None, *, rules: str = "", threads: int = 2
         ) -> Iterator[Seen]:  # fmt: skip
    """What every file is, in the order of `paths`.

    folder   of the set
    paths    posix paths inside it
    memory   SQLite file that remembers what was seen; made where it is missing. None: nothing is remembered
    rules    what decides how files are read (a hash of the code): what was seen under other rules is seen again
    threads  that decode

    Raises OSError when the memory cannot be written.
    """
    waiting = iter(paths)
    ahead: deque[_Chunk] = deque()
    with _opened(memory, rules) as known, ThreadPoolExecutor(threads) as pool:
        try:
            while chunk := list(islice(waiting, _AT_ONCE)):
                ahead.append(_begin(folder, chunk, known, pool))
                if len(ahead) > 1:  # so that the threads have work while what they saw is written down
                    yield from _end(ahead, known, memory)
            while ahead:
                yield from _end(ahead, known, memory)
        finally:  # cut: what was seen by then is kept
            left = [(path, future) for chunk in ahead for path, future in chunk.looking.items() if not future.cancel()]
            _remember(known, memory, {path: future.result() for path, future in left if not future.exception()})


def look(path: Path, times: tuple[int, int, int] | str) -> Seen:
    """Open and decode one file; `times` is its size and its two times, or why it has none."""
    if isinstance(times, str):
        return Seen(reason=f"cannot be opened: {times}")
    found: dict[str, Any] = dict(zip(_KEPT[:3], times, strict=True))
    try:
        data = read_bytes(path)
        found["sha256"] = hashlib.sha256(data).hexdigest()
        picture = decode(data)
    except Unreadable as error:
        return Seen(**found, reason=str(error) if str(error).startswith("cannot be opened") else f"unreadable: {error}")
    height, width = picture.pixels.shape[:2]
    return Seen(**found, width=width, height=height, mode=picture.mode, pixel_hash=hash_pixels(picture.pixels),
                views=views_of(picture.pixels))  # fmt: skip


def hash_pixels(pixels: np.ndarray) -> str:
    """32 hex digits over shape and values of a uint8 array."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()[:32]


def times_of(path: Path) -> tuple[int, int, int] | None:
    """Size in bytes, and the times of the last change of content and of entry in nanoseconds; None if it has none."""
    found = _stat(path)
    return None if isinstance(found, str) else found


@dataclass
class _Chunk:
    """Some paths; what is remembered of them, and what the threads still look at."""

    paths: list[str]
    recalled: dict[str, Seen]
    looking: dict[str, Future[Seen]]


def _begin(folder: Path, paths: list[str], known: sqlite3.Connection | None, pool: ThreadPoolExecutor) -> _Chunk:
    times = {path: _stat(os.path.join(folder, path)) for path in paths}
    recalled = _recall(known, times)
    looking = {path: pool.submit(look, folder / path, times[path]) for path in times if path not in recalled}
    return _Chunk(paths, recalled, looking)


def _end(ahead: deque[_Chunk], known: sqlite3.Connection | None, memory: Path | None) -> Iterator[Seen]:
    """What the first chunk's files are, once all of them have been looked at and written down."""
    first = ahead[0]
    new = {path: future.result() for path, future in first.looking.items()}
    _remember(known, memory, new)
    ahead.popleft()
    seen = first.recalled | new
    yield from (seen[path] for path in first.paths)


def _stat(path: str | Path) -> tuple[int, int, int] | str:
    try:
        about = os.stat(path)
    except OSError as error:
        return error.strerror or type(error).__name__
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


@contextlib.contextmanager
def _opened(memory: Path | None, rules: str) -> Iterator[sqlite3.Connection | None]:
    """The memory, emptied where it was written under other rules or is damaged: it can always be made again."""
    if memory is None:
        yield None
        return
    memory.parent.mkdir(parents=True, exist_ok=True)
    known = None
    for _ in range(2):
        try:
            known = sqlite3.connect(memory, timeout=_PATIENCE, isolation_level=None)
            known.execute("PRAGMA synchronous = NORMAL")
            known.execute("CREATE TABLE IF NOT EXISTS rules (text TEXT)")
            written = known.execute("SELECT text FROM rules").fetchone()
            if written != (rules,):
                known.executescript(f"BEGIN IMMEDIATE; DROP TABLE IF EXISTS seen; DELETE FROM rules; {_TABLE}; COMMIT")
                known.execute("INSERT INTO rules VALUES (?)", (rules,))
            known.execute(_TABLE)
            break
        except sqlite3.OperationalError as error:  # a full disk, a folder that may not be written
            raise OSError(f"{memory.name}: what was seen of the images cannot be kept ({error})") from error
        except sqlite3.DatabaseError:  # no database, or half of one
            if known is not None:
                known.close()
            memory.unlink(missing_ok=True)
    try:
        yield known
    finally:
        if known is not None:
            known.close()


def _recall(known: sqlite3.Connection | None, times: dict[str, tuple[int, int, int] | str]) -> dict[str, Seen]:
    """What is remembered of the files whose size and times are still these."""
    if known is None:
        return {}
    found = {}
    for path, *values in known.execute(f"SELECT * FROM seen WHERE path IN ({','.join('?' * len(times))})", list(times)):
        if tuple(values[:3]) == times[path]:
            pixels = values[-1]
            views = np.frombuffer(pixels, np.uint8).reshape(2, SIDE, SIDE) if pixels else None
            found[path] = Seen(**dict(zip(_KEPT, values[:-1], strict=False)), views=views)
    return found


def _remember(known: sqlite3.Connection | None, memory: Path | None, new: dict[str, Seen]) -> None:
    if known is None or memory is None:
        return
    rows = [(path, *(getattr(one, name) for name in _KEPT[:-1]), None if one.views is None else one.views.tobytes())
            for path, one in new.items() if one.sha256]  # fmt: skip
    if not rows:
        return
    try:
        known.execute("BEGIN IMMEDIATE")
        known.executemany(_WRITE, rows)
        known.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise OSError(f"{memory.name}: what was seen of the images cannot be kept ({error})") from error
