"""Load one file from a plain address: resumed where it was cut, and proven by its checksum before it is believed.

Short code of our own on requests: the libraries at hand that check sums do not resume, and those that resume do not
check. The bytes grow in `FILE.part`, with a note beside it of what they belong to, so that a file that changed on the
server in between is begun anew and never glued together. `FILE` itself appears whole.
"""

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import requests

Kind = Literal["wrong", "rights", "credentials", "network", "cut", "full", "checksum", "server", "client"]
FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_PIECE = 1 << 16  # of a piece that is cut off, nothing comes through
_TIMEOUT = (30.0, 60.0)  # s, to connect and between two pieces


class DownloadFailed(RuntimeError):
    """Why a file could not be loaded.

    kind  wrong (there is no such file), rights, credentials, network (nothing came at all), cut (what came is kept),
          full (the disk), checksum, server (it has trouble of its own) or client (Kaggle's is missing or broken)
    """

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Again(Exception):
    """This attempt failed in a way that another one may not; `kind` and text of the failure if it is the last."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def fetch_url(
    url: str,
    file: Path,
    *,
    size: int | None = None,
    md5: str | None = None,
    sha256: str | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
    retries: int = 5,
    pause: float = 2.0,
) -> str:
    """Load `url` into `file`; nothing is loaded where it is there already and right.

    size, md5, sha256  what is published about it, in bytes and hex digits; None where nothing is
    progress           called with the bytes that are there and in all (None: unknown)
    say                called with a sentence when a connection is tried again
    retries, pause     attempts after a cut without a single new byte, and seconds before the first of them

    Returns the file's sha256. Raises DownloadFailed; `file` is then not there. What was loaded before a cut waits in
    FILE.part for the next call; what turned out wrong has been deleted.
    """
    part, note = file.with_name(file.name + ".part"), file.with_name(file.name + ".part.json")
    published = {name: value.lower() for name, value in (("md5", md5), ("sha256", sha256)) if value}
    if file.exists():
        found = _digests(file)
        if all(found[name] == value for name, value in published.items()):
            return found["sha256"]
        file.unlink()
    attempt = 0
    while True:
        before = _length(part)
        try:
            _load(url, part, note, size, bool(published), progress)
            break
        except _Again as failure:
            attempt = 1 if _length(part) > before else attempt + 1
            if attempt > (retries if _length(part) else min(retries, 1)):
                raise DownloadFailed(failure.kind, str(failure)) from failure
            wait = min(pause * 2 ** (attempt - 1), 60.0)
            say(f"{failure}; trying again in {wait:.0f} s")
            time.sleep(wait)
    found = _digests(part)
    for name, value in published.items():
        if found[name] != value:
            part.unlink()
            note.unlink(missing_ok=True)
            raise DownloadFailed("checksum", f"its {name} is {found[name]}, and {value} was expected")
    os.replace(part, file)
    note.unlink(missing_ok=True)
    return found["sha256"]


def require_room(folder: Path, wanted: int) -> None:
    """Raise DownloadFailed (full) where the disk of `folder` has not `wanted` bytes left."""
    if wanted > (room := shutil.disk_usage(folder).free):
        raise DownloadFailed("full", f"{wanted:,} bytes are still to come, and there is room for {room:,}")


def _load(
    url: str,
    part: Path,
    note: Path,
    size: int | None,
    provable: bool,
    progress: Callable[[int, int | None], None],
) -> None:
    """One request: add to `part` what it lacks. Raises _Again where another attempt may do better."""
    import requests

    have, headers = _length(part), {"Accept-Encoding": "identity", "User-Agent": "scanbook"}
    known = _read(note)
    if known.get("url") != url or not (known.get("validator") or provable or _whole(have, size, known)):
        have = 0
    if have and _whole(have, size, known):
        return
    if have:
        headers["Range"] = f"bytes={have}-"
        if known.get("validator"):
            headers["If-Range"] = known["validator"]
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            have, total = _agree(response, url, have, size, part)
            require_room(part.parent, total - have if total else 0)
            if not have:
                validator = _validator(response)
                note.write_text(json.dumps({"url": url, "validator": validator, "size": total}), encoding="utf-8")
            with part.open("ab" if have else "wb") as out:
                progress(have, total)
                for chunk in response.iter_content(_PIECE):
                    out.write(chunk)
                    have += len(chunk)
                    progress(have, total)
    except requests.exceptions.SSLError as error:
        raise DownloadFailed("network", f"the server's certificate is not trusted here ({_short(error)})") from error
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        kind: Kind = "cut" if _length(part) else "network"
        words = "the connection was cut" if kind == "cut" else "the server could not be reached"
        raise _Again(kind, words) from error
    except requests.RequestException as error:
        raise DownloadFailed("wrong", f"the address cannot be used ({_short(error)})") from error
    except OSError as error:
        if error.errno in FULL:
            raise DownloadFailed("full", f"the disk is full after {_length(part):,} bytes") from error
        raise
    if total and have < total:
        raise _Again("cut", "the connection was cut")


def _agree(response: "requests.Response", url: str, have: int, size: int | None, part: Path) -> tuple[int, int | None]:
    """What the answer is: (bytes of `part` that it goes on from, bytes in all)."""
    status = response.status_code
    if url.startswith("https:") and not response.url.startswith("https:"):
        raise DownloadFailed("server", "it sends us on to an address without encryption")
    if status == 416:  # nothing lies where we wanted to go on: what we have is not a beginning of it
        part.unlink(missing_ok=True)
        raise _Again("server", "the server has nothing to add to what was loaded")
    if status in (404, 410):
        raise DownloadFailed("wrong", f"there is no such file (the server answered {status})")
    if status in (401, 403):
        raise DownloadFailed("rights", f"the server does not give it to us (it answered {status})")
    if status == 429 or status >= 500:
        raise _Again("server", f"the server answered {status}")
    if status not in (200, 206):
        raise DownloadFailed("server", f"the server answered {status}")
    if "text/html" in response.headers.get("Content-Type", ""):
        raise DownloadFailed("rights", "the server sent a web page in place of the file")
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    if status == 206:
        start, _, end = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")
        whole = end.rpartition("/")[2]
        if start != str(have):
            raise DownloadFailed("server", f"asked to go on from byte {have:,} it began at {start or 'none'}")
        total = int(whole) if whole.isdigit() else None
    else:
        have = 0
    if size and total and total != size:
        raise DownloadFailed("checksum", f"the server offers {total:,} bytes, and {size:,} were expected")
    return have, total


def _validator(response: "requests.Response") -> str:
    """What tells this content from a later one: a strong ETag, else the date; "" where the server gives neither."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _whole(have: int, size: int | None, known: dict[str, Any]) -> bool:
    return bool(have) and have == (size or known.get("size"))


def _digests(path: Path) -> dict[str, str]:
    sums = {"md5": hashlib.md5(usedforsecurity=False), "sha256": hashlib.sha256()}
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            for one in sums.values():
                one.update(chunk)
    return {name: one.hexdigest() for name, one in sums.items()}


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(note: Path) -> dict[str, Any]:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _short(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
