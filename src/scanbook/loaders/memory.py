"""How much memory this process may still take, so that what would not fit is refused and not killed halfway."""

import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


def free_bytes(
    meminfo: Path = Path("/proc/meminfo"), own: Path = Path("/proc/self/cgroup"), groups: Path = GROUPS
) -> int | None:
    """What the machine has left, or the container where that is less.

    meminfo, own, groups  where Linux tells it: the machine's memory, the control group of this process, all groups

    Returns bytes. Where nothing tells what is free, all there is; None where not even that is known.
    """
    left = [_limit_of(folder) for folder in _folders(own, groups)]
    for line in _read(meminfo).splitlines():
        if line.startswith("MemAvailable:"):
            left.append(int(line.split()[1]) * 1024)
    known = [value for value in left if value is not None]
    if known:
        return max(0, min(known))
    if {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(getattr(os, "sysconf_names", ())):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _folders(own: Path, groups: Path) -> list[Path]:
    """The control group of this process and every one above it; version 2 has one tree for all kinds of limit."""
    for line in _read(own).splitlines():
        if line.startswith("0::"):
            place = groups / line.removeprefix("0::").strip("/")
            return [place, *(above for above in place.parents if above.is_relative_to(groups))]
    return []


def _limit_of(folder: Path) -> int | None:
    """What one group leaves; pages of files that can be dropped count as free. None where it sets no limit."""
    limit, used = _read(folder / "memory.max").strip(), _read(folder / "memory.current").strip()
    if not (limit.isdigit() and used.isdigit()):
        return None
    stat = dict(line.split(maxsplit=1) for line in _read(folder / "memory.stat").splitlines())
    return int(limit) - int(used) + int(stat.get("inactive_file", 0))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
