"""Unpack an archive that came from elsewhere: whole, inside its folder, or not at all.

Everything is looked at before anything is written (`archive_entries`), written into a hidden folder beside the target,
and renamed when the last byte is there: whoever finds the target finds it whole. What publishers pack by accident is
left out and counted: their system's files, and a second copy of a folder inside itself, as in the chest X-ray set. A
single folder around everything is taken away, so that a set lies where its layout expects it.
"""

import errno
import hashlib
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scanbook.loaders.bringing.archive_entries import Entry, Limits, inspect, parts_of
from scanbook.loaders.bringing.archive_formats import SUFFIXES, Refused, is_archive, opened, read

__all__ = ["SUFFIXES", "Limits", "Refused", "Unpacked", "is_archive", "unpack"]

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Unpacked:
    """What came out: files, bytes, {reason: number} of what was left out, and `contents`: sixteen hex digits over
    names, sizes and checksums of the files, which stay the same when the same files are packed anew.
    """

    files: int
    bytes: int
    left_out: dict[str, int]
    contents: str


def unpack(
    archive: Path,
    target: Path,
    *,
    expected: Iterable[str] = (),
    rename: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Unpacked:
    """Unpack a zip or tar (plain, gz, bz2, xz) to `target`, which must not be there.

    expected  names that lie at the top of the set: its root is looked for by them, below a folder or two
    rename    names at the top of the set -> what they are called here
    progress  called with bytes written and bytes in all

    Raises Refused for an archive that is damaged or not to be trusted, FileExistsError where `target` is there, and
    OSError (ENOSPC) where the disk has not room enough. In every case nothing is left behind.
    """
    if target.exists():
        raise FileExistsError(errno.EEXIST, "is there already", str(target))
    entries, system = inspect(archive, limits or Limits())
    second = _second_copies(entries)
    kept = [entry for entry in entries if entry.parts not in second]
    places = _places([entry.parts for entry in kept], set(expected), dict(rename or {}))
    total = sum(entry.size for entry in kept)
    target.parent.mkdir(parents=True, exist_ok=True)
    if total > (room := shutil.disk_usage(target.parent).free):
        raise OSError(errno.ENOSPC, f"unpacked it takes {total:,} bytes, and there is room for {room:,}")
    left_out = {
        "system files": system,
        **Counter(f"identical files of a second copy in {at}" for at in second.values()),
    }
    lines = sorted(f"{'/'.join(places[e.parts])}\t{e.size}\t{e.crc:08x}" for e in kept)
    contents = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    unpacked = Unpacked(len(kept), total, {reason: n for reason, n in left_out.items() if n}, contents)

    beside = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)  # of one that was killed
    try:
        beside.mkdir()
        _write(archive, beside, places, {entry.parts: entry.crc for entry in kept}, total, progress)
        os.rename(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return unpacked


def _write(
    archive: Path,
    folder: Path,
    places: dict[Parts, Parts],
    crcs: dict[Parts, int],
    total: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    done = 0
    with opened(archive) as members:
        for member in members:
            name = parts_of(member.name)
            if member.folder or name not in places:
                continue
            path = folder.joinpath(*places[name])
            path.parent.mkdir(parents=True, exist_ok=True)
            crc = 0
            with path.open("xb") as out:
                for chunk in read(member):
                    out.write(chunk)
                    crc = zlib.crc32(chunk, crc)
                    done += len(chunk)
                    if progress:
                        progress(done, total)
            if crc != crcs[name]:
                raise Refused(f"entry {member.name!r} changed while it was read", damaged=True)


def _second_copies(entries: list[Entry]) -> dict[Parts, str]:
    """Files in a folder that lies in a folder of its own name and holds the same: path -> that inner folder.

    A file counts only where the outer one of the same path has its size and checksum; others stay where they are, so
    that nothing is lost by a likeness of names.
    """
    known = {entry.parts: (entry.size, entry.crc) for entry in entries}
    found = {}
    for parts, content in known.items():
        for i in range(len(parts) - 2):
            if parts[i] == parts[i + 1] and known.get(parts[: i + 1] + parts[i + 2 :]) == content:
                found[parts] = "/".join(parts[: i + 2])
                break
    return found


def _places(paths: list[Parts], expected: set[str], rename: dict[str, str]) -> dict[Parts, Parts]:
    """Where each file goes: without the folders around everything, and under the names that the layout reads."""
    places = {parts: parts for parts in paths}
    while len(tops := {parts[0] for parts in places.values()}) == 1 and min(map(len, places.values())) > 1:
        if {rename.get(name, name) for name in tops} & expected:
            break
        places = {old: new[1:] for old, new in places.items()}
    places = _lifted(places, expected, rename)
    moved = {old: (rename.get(new[0], new[0]), *new[1:]) for old, new in places.items()}
    for parts, n in Counter(moved.values()).items():
        if n > 1:
            raise Refused(f"entry {'/'.join(parts)!r} is there under two names, its own and one that becomes it")
    return moved


def _lifted(places: dict[Parts, Parts], expected: set[str], rename: dict[str, str]) -> dict[Parts, Parts]:
    """Lift the one folder that holds all that is expected to the top; all stays where there is none, or two of them."""
    inside: dict[Parts, set[str]] = {}
    for new in places.values():
        for depth in range(len(new)):
            inside.setdefault(new[:depth], set()).add(rename.get(new[depth], new[depth]))
    roots = sorted((folder for folder, names in inside.items() if expected and expected <= names), key=len)
    if not roots or (len(roots) > 1 and len(roots[1]) == len(roots[0])):
        return places
    root = roots[0]
    lifted = {old: new[len(root) :] if new[: len(root)] == root else new for old, new in places.items()}
    return lifted if len(set(lifted.values())) == len(lifted) else places
