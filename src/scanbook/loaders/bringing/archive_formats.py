"""The entries of a zip or a tar as they are stored, one by one, with what is plainly wrong about each.

What an archive is, is read from its first bytes and never from its name. Damage of any kind comes out as `Refused`
with the entry's name, whatever the library below raised. Nothing here writes, and nothing decides where a file goes.
"""

import bz2
import contextlib
import gzip
import itertools
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_CHUNK = 1 << 20
_LONGEST_HEADER = 16 * _CHUNK  # a tar may say that a name is gigabytes long, and tarfile would read it all
_LONGEST_END = 64 * _CHUNK
_PACKERS: dict[str, Callable[..., Any]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED = 0x2041  # three of a zip's flags: by password, strongly, or with its list of names hidden
_FIRST_BYTES = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),  # an empty one
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
)
# What the libraries below have been seen to raise on damaged bytes; RuntimeError: a password is wanted after all.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
           RuntimeError)  # fmt: skip


class Refused(ValueError):
    """An archive that is not unpacked; the text names the entry and says why, without the archive's own path.

    damaged  it is broken or cut off, so that another copy may be good; otherwise its content is at fault
    """

    def __init__(self, text: str, *, damaged: bool = False) -> None:
        super().__init__(text)
        self.damaged = damaged


@dataclass(frozen=True)
class Member:
    """One entry as stored. `packed` and `crc` are None where the format does not say; `problem` is empty or a reason.

    It can be opened as long as it is the latest one given.
    """

    name: str
    size: int
    packed: int | None
    crc: int | None
    folder: bool
    problem: str
    open: Callable[[], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Whether a file is called like an archive. A table in .xlsx is a zip too, and is none of ours."""
    return path.name.lower().endswith(SUFFIXES)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Iterator[Member]]:
    """The entries of an archive in its own order.

    Raises Refused where the file is no archive that is read here, or its list of entries is damaged.
    """
    kind = _kind(path)
    if kind != "zip":
        with _PACKERS.get(kind, open)(path, "rb") as raw:
            yield _tar_members(raw, packed=kind in _PACKERS)
        return
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise _damaged("it", error) from error
    with archive:
        yield _zip_members(archive)


def read(member: Member) -> Iterator[bytes]:
    """The content in pieces. Raises Refused, by name, where it is damaged or shorter than it says."""
    left = member.size
    try:
        with member.open() as stream:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                yield chunk
    except _DAMAGE as error:
        raise _damaged(f"entry {member.name!r}", error) from error
    if left:
        raise Refused(f"entry {member.name!r} is damaged: {left:,} of its bytes are missing", damaged=True)


def _kind(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(512)
    kind = next((kind for first, kind in _FIRST_BYTES if start.startswith(first)), "")
    if kind in ("RAR", "7z"):
        raise Refused(f"it is a {kind} archive, which is not read here; unpack it by hand, or pack it as zip or tar.gz")
    if start.lstrip()[:1] == b"<":
        raise Refused("it is a web page and no archive, perhaps one that asks for a login", damaged=True)
    if not kind and start[257:262] != b"ustar":
        found = f"its first bytes are {start[:4].hex(' ')}" if start else "it is empty"
        raise Refused(f"it is no zip or tar archive ({found})", damaged=True)
    return kind or "tar"


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    infos = archive.infolist()
    spans = sorted((info.header_offset, info.compress_size, info.orig_filename) for info in infos)
    sharing = {b[2]: a[2] for a, b in itertools.pairwise(spans) if a[0] + a[1] > b[0]}
    for info in infos:
        mode = stat.S_IFMT(info.external_attr >> 16)
        name = info.orig_filename  # `filename` ends where a hidden zero byte stands
        problem = ""
        if info.flag_bits & _ENCRYPTED:
            problem = "is encrypted"
        elif name in sharing:
            problem = f"shares its bytes with {sharing[name]!r}, as only a trap does"
        elif stat.S_ISLNK(mode):
            problem = "is a link"
        elif mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = "is a special file"
        elif info.compress_type not in _METHODS:
            problem = f"is packed by method {info.compress_type}, which is not read here; pack it again as a plain zip"
        folder = name.endswith(("/", "\\"))  # ZipInfo.is_dir fails on a name without a sign
        yield Member(name, info.file_size, info.compress_size, info.CRC, folder, problem, _opener(archive.open, info))


def _tar_members(raw: Any, *, packed: bool) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=_Modest(raw), mode="r:") as archive:  # type: ignore[call-overload]
            for info in archive:
                problem = ""
                if info.issym() or info.islnk():
                    problem = f"is a link to {info.linkname!r}"
                elif not (info.isreg() or info.isdir()) or info.sparse is not None:
                    problem = "is a special file"
                yield Member(
                    info.name, info.size, None, None, info.isdir(), problem, _opener(archive.extractfile, info)
                )
                archive.members = []  # type: ignore[attr-defined]  # tarfile would keep all it has seen
            if raw.tell() <= archive.offset:  # tarfile takes a file's end for the archive's, wherever it comes
                raise Refused("it was cut off before its end: its end mark is missing", damaged=True)
        rest = 0
        while packed and (chunk := raw.read(_CHUNK)):  # the packer's own checksum is compared at the very end
            rest += len(chunk)
            if rest > _LONGEST_END:
                raise Refused("it goes on and on after its last entry")
    except Refused:
        raise
    except _DAMAGE as error:
        raise _damaged("it", error) from error


class _Modest:
    """A stream that refuses to give a huge piece at once: only a tar's header, read whole, asks for one."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        if size > _LONGEST_HEADER:
            raise Refused(f"one of its headers claims to be {size:,} bytes long")
        return self._raw.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def _opener(opening: Callable[[Any], Any], info: Any) -> Callable[[], IO[bytes]]:
    return lambda: opening(info)


def _damaged(what: str, error: BaseException) -> Refused:
    said = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
    return Refused(f"{what} is damaged or was cut off before its end ({said})", damaged=True)
