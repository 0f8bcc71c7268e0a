"""Open a file in a folder that may hold anything: pipes, sockets, devices, loops of links, files of any size."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from scanbook.loaders.decoding import formats
from scanbook.loaders.decoding.formats import Unreadable


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises Unreadable where it is no file, too large, or the operating system refuses."""
    with open_file(path) as stream:
        try:
            return stream.read()
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror or type(error).__name__}") from error


def open_file(path: Path) -> BinaryIO:
    """A regular file of at most MAX_BYTES, opened for reading; whatever else is Unreadable.

    A pipe that nobody writes to would block for ever, and opening a device can move it: neither is tried. Between
    the look and the opening a file may be exchanged, so the opening itself never waits.
    """
    try:
        _refuse_what_is_no_file(os.stat(path), path)
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        stream = os.fdopen(handle, "rb")
        try:
            _refuse_what_is_no_file(os.fstat(handle), path)
        except Unreadable:
            stream.close()
            raise
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    return stream


def _refuse_what_is_no_file(about: os.stat_result, path: Path) -> None:
    mode = about.st_mode
    if stat.S_ISDIR(mode):
        effective = os.access in os.supports_effective_ids
        if not os.access(path, os.R_OK | os.X_OK, effective_ids=effective):
            raise Unreadable("a folder that may not be opened: no permission")
        raise Unreadable(
            "a folder, and not entered: a link that leads back to a folder it lies in, or one of a hundred"
        )
    if not stat.S_ISREG(mode):
        what = "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
        raise Unreadable(f"not a file but a {what}")
    if about.st_size > formats.MAX_BYTES:
        raise Unreadable(f"{about.st_size / 2**20:,.0f} MiB; at most {formats.MAX_BYTES // 2**20} MiB are read")
