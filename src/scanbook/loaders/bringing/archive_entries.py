"""Which files an archive would give, looked at entry by entry before one is written; and what is refused there.

An archive is a program for a file system: it names where its files go. One from elsewhere may name places outside
its folder, links, devices, one name twice for a disk that ignores case, or a thousand times its own size. The first
entry that is not plainly a file or a folder stops it all, by name: what is half trusted is not unpacked at all.
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import Path

from scanbook.loaders.bringing.archive_formats import Member, Refused, opened, read

_SYSTEM = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini", "@eadir"}


@dataclass(frozen=True)
class Limits:
    """What is absurd. Images hardly shrink when packed; even deflate never gains more than 1,032 times.

    files       entries in one archive
    bytes       unpacked
    ratio       unpacked over packed, of one entry and of the whole
    ratio_from  bytes, unpacked, below which no ratio is absurd
    """

    files: int = 2_000_000
    bytes: int = 1 << 40
    ratio: float = 250.0
    ratio_from: int = 64 << 20


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its path inside, its size in bytes and the CRC-32 of its content."""

    parts: tuple[str, ...]
    size: int
    crc: int


def inspect(path: Path, limits: Limits) -> tuple[list[Entry], int]:
    """Look at every entry and write nothing. A tar is read to its end (a plain one has no checksum of its contents, so
    that only its length is known to be whole); a zip's bytes are checked as they are written.

    Returns the files in the archive's order, and how many system files (__MACOSX, .DS_Store, Thumbs.db …) it holds,
    which are not among them. Raises Refused for the first entry that is not to be trusted or not whole.
    """
    entries: list[Entry] = []
    spellings: dict[str, tuple[str, bool]] = {}
    total = count = system = 0
    whole = max(path.stat().st_size, 1)
    with opened(path) as members:
        for member in members:
            count += 1
            if count > limits.files:
                raise Refused(f"it holds more than {limits.files:,} entries")
            parts = parts_of(member.name)
            _refuse_name(member, parts)
            if member.problem:
                raise Refused(f"entry {member.name!r} {member.problem}")
            if any(part.lower() in _SYSTEM or part.startswith("._") for part in parts):
                system += not member.folder
                continue
            _refuse_clash(parts, member.folder, spellings)
            if member.folder:
                continue
            total += member.size
            _refuse_absurd(member, total, whole, limits)
            entries.append(Entry(parts, member.size, member.crc if member.crc is not None else _checksum(member)))
    if not entries:
        raise Refused(f"it holds {system} system files and no other" if system else "it holds no file")
    return entries, system


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of an entry's path; Windows' separators count as such everywhere."""
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _refuse_name(member: Member, parts: tuple[str, ...]) -> None:
    """Refuse a name that leads elsewhere, or that some file system cannot hold."""
    name = member.name
    problem = ""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        problem = "has control characters in its name"
    elif any(0xD800 <= ord(sign) < 0xE000 for sign in name):
        problem = "has a name that is not UTF-8"
    elif name.startswith(("/", "\\")):
        problem = "begins at the root of the disk"
    elif re.match(r"[A-Za-z]:", name):
        problem = "begins with a drive letter"
    elif ".." in parts:
        problem = "leads out of the folder"
    elif not parts and not member.folder:
        problem = "has no name"
    elif any(len(part.encode()) > 255 for part in parts):
        problem = "has a longer name than file systems hold"
    if problem:
        shown = name if len(name) <= 120 else f"{name[:117]}..."
        raise Refused(f"entry {shown!a} {problem}")


def _refuse_clash(parts: tuple[str, ...], folder: bool, spellings: dict[str, tuple[str, bool]]) -> None:
    """Refuse a path that another entry has taken, also on a disk that knows neither case nor Unicode's two forms."""
    for depth in range(1, len(parts) + 1):
        path, is_folder = "/".join(parts[:depth]), folder or depth < len(parts)
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if key not in spellings:
            spellings[key] = (path, is_folder)
            continue
        known, known_folder = spellings[key]
        if known != path:
            raise Refused(f"entry {path!r} clashes with {known!r}: they differ only by case or Unicode form")
        if known_folder != is_folder:
            raise Refused(f"entry {path!r} is there as a file and as a folder")
        if not is_folder:
            raise Refused(f"entry {path!r} is there twice")


def _refuse_absurd(member: Member, total: int, whole: int, limits: Limits) -> None:
    packed = max(whole if member.packed is None else member.packed, 1)
    if total > limits.bytes:
        raise Refused(f"entry {member.name!r} brings it to {total:,} bytes; at most {limits.bytes:,} are unpacked")
    if member.size > limits.ratio_from and member.size > limits.ratio * packed:
        raise Refused(f"entry {member.name!r} would grow from {packed:,} to {member.size:,} bytes")
    if total > limits.ratio_from and total > limits.ratio * whole:
        raise Refused(f"entry {member.name!r} makes {total:,} bytes out of {whole:,}")


def _checksum(member: Member) -> int:
    crc = 0
    for chunk in read(member):
        crc = zlib.crc32(chunk, crc)
    return crc
