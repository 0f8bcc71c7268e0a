"""Where a set stands on disk, and everything beside it while it is being brought there.

    DATA_DIR/xray/               the set, whole or not at all
    DATA_DIR/xray.source.json    what came, from where, with which checksum
    DATA_DIR/.xray.part/         what was loaded so far; gone when the set is there
    DATA_DIR/.xray.lock          who works at it; the lock is the operating system's and falls with its process

A folder that is a link is followed: the set, the part and the lock lie where it leads, so that the last step stays a
renaming on one disk.
"""

import contextlib
import datetime
import json
import os
import shutil
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from scanbook.experiment import Data
from scanbook.loaders import label_table, layouts
from scanbook.loaders.bringing.archives import SUFFIXES, is_archive


@dataclass(frozen=True)
class Place:
    """The place of one set.

    base  DATA_DIR
    root  the repository, where a label table of one's own may lie
    """

    data: Data
    base: Path
    root: Path

    @property
    def folder(self) -> Path:
        """The set itself."""
        return self.base / self.data.folder

    @property
    def part(self) -> Path:
        """The hidden folder in which it is made."""
        target = self.folder.resolve()
        return target.with_name(f".{target.name}.part")

    @property
    def record(self) -> Path:
        """The file that says what came and from where."""
        return self.folder.with_name(f"{self.folder.name}.source.json")

    @property
    def archive_name(self) -> str:
        """How its publisher calls the archive, "" where nobody says."""
        source = self.data.source
        if source and source.slug:
            return f"{source.slug.split('/')[1]}.zip"
        return PurePosixPath(urllib.parse.urlsplit(source.url).path).name if source and source.url else ""

    def shown(self, path: Path) -> str:
        """A path without the folders of this machine: DATA_DIR/xray/archive.zip."""
        return f"DATA_DIR/{path.relative_to(self.base).as_posix()}"

    def inside(self) -> list[Path]:
        """What lies in the set's folder, but for hidden and system files."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if not layouts.is_system(path, self.folder))

    def holds_a_set(self) -> bool:
        """Whether anything lies there that is not an archive."""
        return any(not (path.is_file() and is_archive(path)) for path in self.inside())

    def archives(self) -> list[Path]:
        """Archives somebody put there: in the set's otherwise empty folder, or beside it under its or its publisher's
        name.
        """
        names = [*(f"{self.folder.name}{suffix}" for suffix in SUFFIXES), self.archive_name]
        beside = [self.folder.with_name(name) for name in names if name]
        return [*self.inside(), *(path for path in beside if path.is_file())]

    def known(self) -> dict[str, Any]:
        """What the record says; empty where there is none."""
        return _read(self.record)

    def remember(self, facts: dict[str, Any]) -> None:
        """Write the record, with the time; whole or not at all."""
        half = self.part / "record.json"
        half.write_text(json.dumps({**facts, "at": _now()}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(half, self.record)

    def publish(self, made: Path) -> None:
        """Let the set appear: `made` takes its place. An archive that lay inside is moved beside it."""
        target = self.folder.resolve()
        if target.is_dir():
            for archive in self.inside():
                suffix = next(s for s in sorted(SUFFIXES, key=len, reverse=True) if archive.name.lower().endswith(s))
                os.replace(archive, self.folder.with_name(f"{self.folder.name}{suffix}"))
            shutil.rmtree(target)
        os.rename(made, target)
        shutil.rmtree(self.part)

    def files(self) -> int:
        """How many files the set's folder holds, of any kind."""
        return sum(len(names) for _, _, names in os.walk(self.folder.resolve()))

    def images_by_class(self) -> dict[str, int]:
        """Files by class as the layout reads them, no pixel looked at. Raises ValueError where it cannot read them."""
        data, classes = self.data, self.data.class_map
        if data.layout == "class_folders":
            found = layouts.find_in_class_folders(self.folder, data.images, classes)
        elif data.layout == "split_folders":
            found = layouts.find_in_split_folders(self.folder, data.images, classes)
        else:
            table = data.table or ""
            if not (self.folder / table).is_file() and (self.root / table).is_file():
                table = str(self.root / table)
            columns = label_table.Columns(data.name_column or "", data.label_column or "")
            found = label_table.find_in_table(self.folder, data.images, classes, table, columns)
        usable = Counter(image.label for image in found if image.path and not image.reason)
        if empty := [label for label in data.class_names if not usable[label]]:
            reasons = Counter(image.reason for image in found if image.reason).most_common(1)
            most = f"; {reasons[0][1]:,} files: {reasons[0][0]}" if reasons else ""
            raise ValueError(f"no image of class {', '.join(map(repr, empty))} among {len(found):,} files{most}")
        return {label: usable[label] for label in data.class_names}

    @contextlib.contextmanager
    def alone(self, say: Callable[[str], None]) -> Iterator[None]:
        """One process at a time works at a set; another says whom it waits for."""
        target = self.folder.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(f".{target.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            owner = _read(self.part / "owner.json")
            who = f" (number {owner['pid']}, since {owner['at']})" if owner else ""
            say(f"another process{who} is bringing this set; waiting for it")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def workshop(self) -> Iterator[Path]:
        """The folder to make the set in. What was loaded stays there for the next call, and nothing else does."""
        work = self.part
        work.mkdir(exist_ok=True)
        try:
            (work / "owner.json").write_text(json.dumps({"pid": os.getpid(), "at": _now()}), encoding="utf-8")
            yield work
        finally:
            if work.exists():
                (work / "owner.json").unlink(missing_ok=True)
                shutil.rmtree(work / "set", ignore_errors=True)
                with contextlib.suppress(OSError):  # something was loaded
                    work.rmdir()


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
