"""What a person reads while a set is brought, when it is there, and when it does not come.

One message a kind of failure: what happened, to which set, and every way out there is. The last way is always the same
and needs neither account nor network: put the archive, or the folder, where the set belongs, and run the command again.
"""

import os
import shutil
import textwrap
import time
from collections import deque
from pathlib import Path
from typing import Any

from scanbook.experiment import Data
from scanbook.loaders.bringing.archives import Refused
from scanbook.loaders.bringing.download import DownloadFailed
from scanbook.report.progress import Board, duration

_ACCOUNT = """Any one of these helps:
  - an access token, made at https://www.kaggle.com/settings/api: export KAGGLE_API_TOKEN=… (or ~/.kaggle/access_token)
  - a login in the browser: kaggle auth login, a command that lies beside scanbook's (~/.kaggle/credentials.json)
  - an older key: KAGGLE_USERNAME and KAGGLE_KEY, or ~/.kaggle/kaggle.json
  - no account at all: """


def source_of(data: Data) -> str:
    """Where a set is published, in a few words; they also stand in its record."""
    source = data.source
    if source is None:
        return "no source in its parameter file"
    if source.kind == "none":
        return "its source names no data set"
    return f"Kaggle {source.slug}" if source.slug else source.page or source.url or ""


def page_of(data: Data) -> str:
    """Where a person reads about the set, "" where nobody says."""
    source = data.source
    return (source.page or (f"https://www.kaggle.com/datasets/{source.slug}" if source.slug else "")) if source else ""


def tops(data: Data) -> list[str]:
    """Names that lie at the top of the set where its layout finds what it needs."""
    if data.images != ".":
        first = data.images.split("/")[0]
        return [first, data.table] if data.table and "/" not in data.table else [first]
    if data.layout == "label_table":
        return [data.table] if data.table and "/" not in data.table else []
    return list(data.class_map) if data.layout == "class_folders" else ["train", "test"]


def wrapped(text: str, margin: int = 0) -> str:
    """The text in lines that fit the terminal, at most 110 signs; `margin` signs stay empty before all but the first."""
    width = min(max(shutil.get_terminal_size((110, 24)).columns, 60), 110) - margin
    lines = []
    for line in text.splitlines():
        below = line[: len(line) - len(line.lstrip())] + ("  " if line.lstrip().startswith("- ") else "")
        lines += textwrap.wrap(line, width, subsequent_indent=below, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * margin).join(lines)


def data_dir_is(base: Path) -> str:
    """Which folder the words DATA_DIR mean just now."""
    return (
        f"DATA_DIR is {base}" if os.environ.get("DATA_DIR") else "DATA_DIR is not set: data/ in the repository is meant"
    )


def size(n: float) -> str:
    """Bytes as people say them: 980 B, 12.5 MB, 2.1 GB."""
    for unit in ("B", "kB", "MB"):
        if n < 999.5:
            return f"{n:.0f} {unit}" if n >= 100 or unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"


class Meter:
    """Turns bytes done and in all into a line: loading 0.4 of 2.1 GB, 12.0 MB/s, 2 min left.

    The speed is that of the last ten seconds, and a line is told four times a second at most.
    """

    def __init__(self, board: Board, name: str, verb: str) -> None:
        self._board, self._name, self._verb = board, name, verb
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self._seen and now - self._seen[-1][0] < 0.25 and done != total:
            return
        self._seen.append((now, done))
        while now - self._seen[0][0] > 10 and len(self._seen) > 2:
            self._seen.popleft()
        begun, before = self._seen[0]
        speed = (done - before) / (now - begun) if now > begun else 0.0
        text = f"{self._verb} {size(done)}" + (f" of {size(total)}" if total else "")
        if speed > 0:
            text += f", {size(speed)}/s" + (f", {duration((total - done) / speed)} left" if total else "")
        self._board.update(self._name, text)


def there_now(data: Data, counts: dict[str, int], known: dict[str, Any]) -> str:
    """A set that has just come."""
    text = f"there: {_counted(counts)}; {known['files']:,} files, {size(known['bytes'])}"
    left_out = ", ".join(f"{what} ({n:,})" for what, n in known["left_out"].items())
    text += f"; left out: {left_out}" if left_out else ""
    source = data.source
    if source and source.citation:
        text += f"\nlicence: {source.licence or 'not stated'}; please cite: {source.citation}"
    return text + f"\nwhat came is written down in DATA_DIR/{data.folder}.source.json"


def there_already(counts: dict[str, int], known: dict[str, Any]) -> str:
    """A set that was there before."""
    origin = f"from {known['from']}, {known['at'][:10]}" if known else "put there by hand"
    return f"there already ({origin}): {_counted(counts)}; nothing to do"


def fewer(name: str, data: Data, gone: int, files: int) -> str:
    """A set of which files have gone since it came."""
    return (
        f"{name}: {gone:,} of the {files:,} files that came are no longer in DATA_DIR/{data.folder}.\nTo bring them again, "
        f"delete that folder first. If they are to stay away, delete DATA_DIR/{data.folder}.source.json."
    )


def another_layout(name: str, data: Data, problem: str, archives: list[str]) -> str:
    """A set that is there, but not as its parameter file says."""
    text = f"{name}: DATA_DIR/{data.folder} is there, but not as params/{name}.yaml says: {expected(data)}.\n{problem}"
    if archives:
        text += f"\nIf {' and '.join(archives)} in it is the set, let it lie there alone: then it is unpacked."
    return text


def changed(name: str, data: Data, since: str) -> str:
    """A set that is published with other files than before."""
    return (
        f"{name}: {source_of(data)} holds other files than on {since[:10]}, when it was loaded before. They were not "
        f"kept.\nTo take the new ones, delete DATA_DIR/{data.folder}.source.json, which remembers the old, and run "
        f"this again."
    )


def several(name: str, data: Data, archives: list[str]) -> str:
    """More archives than one, of which only a person knows which is the set."""
    return f"{name}: which of these is the set? {', '.join(archives)}. Leave one of them, and run this again."


def refused(name: str, data: Data, lying: str, error: Refused) -> str:
    """An archive that was not unpacked.

    lying  where it stays, if somebody put it there; "": it was loaded by us and has been deleted
    """
    page = page_of(data)
    if lying:
        again = f" Get it again from {page}." if page else ""
        return f"{name}: {lying} is not unpacked: {error}.\nNothing of it was written, and it stays where it is.{again}"
    text = f"{name}: what {source_of(data)} sent is not unpacked: {error}.\nNothing of it was written; it was deleted. "
    if error.damaged:
        return f"{text}The same command loads it again."
    return f"{text}A set of images has no need of such an entry: see whether others report it ({page}), or {by_hand(data)}."


def no_source(name: str, data: Data) -> str:
    """A set that cannot be loaded because nobody says from where."""
    lines = [f"{name}: params/{name}.yaml names no source (data.source), so there is nothing to load."]
    if data.source:
        lines = [f"{name}: its source names no data set, so there is nothing to load. Public sets that can stand in:"]
        lines += [f"  - {words}" for words in data.source.instead]
    lines.append(f"Lay it out as {expected(data)}; then {by_hand(data)}.")
    return "\n".join(lines)


def by_hand(data: Data) -> str:
    """The way that always works."""
    folder = data.folder
    return f"put the archive or the folder at DATA_DIR/{folder}/ (or DATA_DIR/{folder}.zip) and run this again"


def expected(data: Data) -> str:
    """What must lie in the set's folder, in words."""
    classes = ", ".join(f"{name}/" for name in data.class_map)
    if data.layout == "label_table":
        return f"{'images' if data.images == '.' else f'{data.images}/'} and the table {data.table}"
    inside = "" if data.images == "." else f"{data.images}/ with "
    return f"{inside}{classes}" if data.layout == "class_folders" else f"{inside}train/ and test/, each with {classes}"


def failed(name: str, data: Data, failure: DownloadFailed, *, found: list[str], kept: str) -> str:
    """Why a set did not come, and what helps.

    found  where credentials of Kaggle's lie, by name
    kept   where what was loaded so far lies, "" where nothing was
    """
    source, hand, page = data.source, by_hand(data), page_of(data)
    asked = f"It was asked with {' and '.join(found)}." if found else "It was asked without an account."
    kaggle = bool(source and source.slug)
    key = f"data.source.{'slug' if kaggle else 'url'} in params/{name}.yaml"
    rights = f"{asked} Does its page open? {page}\n{_ACCOUNT}{hand}." if kaggle else f"See {page}, or {hand}."
    hesitant = ", which it also says of sets that are misspelt or withdrawn" if kaggle else ""
    text = {
        "wrong": f"there is no such set: {failure}. Compare {key} with its page, {page}.\nOr {hand}.",
        "rights": f"it is not given to us: {failure}{hesitant}.\n{rights}",
        "credentials": f"{failure}. {asked}\n{_ACCOUNT}{hand}.",
        "network": f"{failure}. Is there a network? Behind a proxy, set HTTPS_PROXY.\nWithout any, {hand}.",
        "cut": f"{failure}. What came is kept in {kept or 'a hidden folder beside the set'}, and the same command goes on "
        "from there.",
        "full": f"{failure}. Make room and run this again."
        + (f"\nWhat came is kept in {kept}, to go on from there; to have its room back, delete that." if kept else ""),
        "checksum": f"what was sent is not what was expected: {failure}.\nIt was deleted; run this again.\n"
        f"If the publisher has brought out another version, correct {key} and what stands beside it, and delete "
        f"DATA_DIR/{data.folder}.source.json, which remembers the old one.",
        "server": f"{failure}: trouble at the other end. Run this again later, or {hand}.",
        "client": f"{failure}.\nIs the package kaggle whole in this environment (make env)? Without it, {hand}.",
    }
    return f"{name} ({source_of(data)}): {text[failure.kind]}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{label} {n:,}" for label, n in counts.items())
