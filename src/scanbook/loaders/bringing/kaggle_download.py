"""A set of Kaggle's, loaded by Kaggle's own client in a child process (see `kaggle_child`).

The client knows how to sign in and how to go on with half a file; what it lacks is patience with people: it retries a
full disk for a minute, says 403 for a misspelt name and prints a traceback where there is no network. So its end is
put into one of a few kinds here, and the words for a person are the hall's.
"""

import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scanbook.loaders.bringing.download import FULL, DownloadFailed, Kind, require_room

_KIND_OF_STATUS: dict[int, Kind] = {400: "wrong", 401: "credentials", 403: "rights", 404: "wrong", 410: "wrong"}


def credentials() -> list[str]:
    """Where this account holds something that the client takes for credentials, in the client's own order.

    Names of variables and files only, never what they hold; empty: it would ask without an account.
    """
    home, found = Path.home(), []
    if os.environ.get("KAGGLE_API_TOKEN"):
        found.append("the variable KAGGLE_API_TOKEN")
    for name in ("access_token", "access_token.txt"):
        if (home / ".kaggle" / name).is_file():
            found.append(f"~/.kaggle/{name}")
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        found.append("the variables KAGGLE_USERNAME and KAGGLE_KEY")
    config = _config_folder()
    if config and (config / "kaggle.json").is_file():
        found.append("kaggle.json")
    if (home / ".kaggle" / "credentials.json").is_file():
        found.append("~/.kaggle/credentials.json")
    return found


def fetch_kaggle(
    slug: str,
    folder: Path,
    *,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
    retries: int = 5,
) -> Path:
    """Load the archive of a Kaggle data set into `folder`, going on with what an earlier call left there.

    slug      owner/name, as in the page's address; owner/name/3 for a version
    progress  called with the bytes that are there and in all (None: unknown)
    say       called with a sentence when the connection is tried again
    retries   attempts of the client after a cut

    Returns the archive, whole by its size. Raises DownloadFailed; what was loaded before a cut stays in `folder`.
    """
    archive = folder / f"{slug.split('/')[1]}.zip"
    half = folder / f"{archive.name}.kaggle-partial"  # the client's own note of what a half belongs to
    job = json.dumps({"slug": slug, "folder": str(folder), "retries": retries})
    for _ in range(2):
        end = _run(job, archive, progress, say)
        if end["event"] != "done":
            raise _failure(end, archive)
        if not half.exists():
            return archive
        # A half that is longer than the whole has become since counts as finished for the client; not for us.
        archive.unlink(missing_ok=True)
        half.unlink()
    raise DownloadFailed("client", "Kaggle's client took half of an archive for the whole")


def _run(job: str, archive: Path, progress: Callable, say: Callable) -> dict[str, Any]:
    """One life of the child. Returns its last event, `done` or `failed`, with what it did not live to say."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "scanbook.loaders.bringing.kaggle_child", job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=archive.parent,
            env=_environment(archive.parent),
        )
        events: queue.Queue[dict[str, Any]] = queue.Queue()
        listener = threading.Thread(target=_listen, args=(child, events), daemon=True)
        listener.start()
        try:
            end = _follow(events, archive, progress, say)
        finally:
            child.kill()
            listener.join()
            with child:  # closes its pipes and waits for it
                pass
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    if end["event"] == "gone":  # it never came to speak: its own last line says why
        end |= {"event": "failed", "why": "client", "text": lines[-1] if lines else f"status {child.returncode}"}
    return end


def _follow(events: queue.Queue, archive: Path, progress: Callable, say: Callable) -> dict[str, Any]:
    """Pass on what the child says until it ends. Returns its last word: done, failed or gone."""
    total: int | None = None
    started = False
    while True:
        try:
            event = events.get(timeout=0.25)
        except queue.Empty:
            if started:
                progress(_length(archive), total)
            continue
        if event["event"] in ("done", "failed", "gone"):
            return {**event, "started": started}
        if event["event"] == "size":
            total, started = event["bytes"], True
            require_room(archive.parent, (total or 0) - _length(archive))
        elif event["event"] == "said":
            _heed(event["text"], archive, say)


def _listen(child: subprocess.Popen, events: queue.Queue) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        try:
            events.put(json.loads(line))
        except ValueError:  # a library that prints past the client
            continue
    events.put({"event": "gone"})


def _heed(line: str, archive: Path, say: Callable[[str], None]) -> None:
    """The client's own words: a full disk, which it would try again, and a cut, of which a person wants to know."""
    number = re.search(r"\[Errno (\d+)\]", line)
    if number and int(number[1]) in FULL:
        raise DownloadFailed("full", f"the disk is full after {_length(archive):,} bytes")
    again = re.match(r"Retrying in ([\d.]+) seconds.*attempt (\d+)/(\d+)", line)
    if again:
        say(f"the connection was cut; trying again in {float(again[1]):.0f} s ({again[2]} of {again[3]})")


def _failure(end: dict[str, Any], archive: Path) -> DownloadFailed:
    why, text = end["why"], end["text"]
    if why == "http":
        status = end["status"]
        return DownloadFailed(_KIND_OF_STATUS.get(status, "server"), f"Kaggle answered {status}")
    if why == "credentials":
        return DownloadFailed("credentials", text)
    if why == "certificate":
        return DownloadFailed("network", "Kaggle's certificate is not trusted here")
    if why == "connection" and end["started"]:
        return DownloadFailed("cut", f"the connection was cut after {_length(archive):,} bytes")
    if why == "connection":
        return DownloadFailed("network", "Kaggle could not be reached")
    if why == "system" and end["errno"] in FULL:
        return DownloadFailed("full", f"the disk is full after {_length(archive):,} bytes")
    return DownloadFailed("client", f"Kaggle's client failed ({_without_secrets(text)})")


def _without_secrets(text: str) -> str:
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY"):
        if os.environ.get(name):
            text = text.replace(os.environ[name], "…")
    return text


def _environment(folder: Path) -> dict[str, str]:
    """Ours, but silent: in its wordy form the client prints keys. Nor does it make a folder in a home without one."""
    quiet = {"VERBOSE": "false", "VERBOSE_OUTPUT": "false", "PYTHONIOENCODING": "utf-8"}
    if _config_folder() is None:
        quiet["KAGGLE_CONFIG_DIR"] = str(folder)
    return {**os.environ, **quiet}


def _config_folder() -> Path | None:
    """Where the client looks for kaggle.json; None where there is no such folder."""
    named = os.environ.get("KAGGLE_CONFIG_DIR")
    places = [Path(named)] if named else [Path.home() / ".kaggle"]
    if not named and sys.platform.startswith("linux"):
        places.append(Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle")
    return next((place for place in places if place.is_dir()), None)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
