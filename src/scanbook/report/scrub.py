"""Take out of a text what would tell a reader on whose machine it was made.

Absolute paths become short names, user and host names go where they stand in paths and addresses, and the
values of secret environment variables go wherever they stand. The short names use ‹…›, which means the same in
plain text, HTML and SVG.
"""

import base64
import contextlib
import getpass
import html
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

# User names that are ordinary words or folders too: replaced only right behind a folder of homes or before an @.
_ORDINARY = {
    "root",
    "user",
    "admin",
    "data",
    "runs",
    "test",
    "home",
    "work",
    "build",
    "runner",
    "app",
    "node",
}
_SECRET_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.-]+)*;base64,([A-Za-z0-9+/=\s]*)")


def known_roots(repository: Path | None = None, data: Iterable[Path] = ()) -> dict[Path, str]:
    """The usual absolute paths and the short names they go by on a page."""
    roots: dict[Path, str] = {Path(tempfile.gettempdir()): "‹temporary›"}
    # An interpreter in /usr names nobody, and the system's folders would read oddly as "‹python›/share".
    for prefix in (sys.prefix, sys.base_prefix):
        if Path(prefix) not in (Path("/usr"), Path("/usr/local")):
            roots[Path(prefix)] = "‹python›"
    with contextlib.suppress(RuntimeError):
        roots[Path.home()] = "~"
    roots |= {Path(folder): f"‹data›/{Path(folder).name}" for folder in data}
    if repository is not None:
        roots[Path(repository)] = "‹repository›"
    return roots


def scrub(text: str, roots: Mapping[Path, str], *, environ: Mapping[str, str] | None = None) -> str:
    """`text` without absolute paths under `roots`, user and host names in paths and addresses, and secrets.

    roots    absolute folder → its short name; of two nested folders the inner one is named
    environ  where a variable's name holds TOKEN, KEY, SECRET or PASSWORD its value is removed (default: ours)

    Pictures in data URIs stay as they are, except that the text of an SVG is scrubbed too.
    """
    return scrubber(roots, environ=environ)(text)


def scrubber(
    roots: Mapping[Path, str],
    *,
    environ: Mapping[str, str] | None = None,
    user: str | None = None,
    host: str | None = None,
) -> Callable[[str], str]:
    """`scrub` with its rules made once, for many texts; `user` and `host` are this machine's by default."""
    rules = [
        *_secret_rules(os.environ if environ is None else environ),
        *_path_rules(roots),
        *_name_rules(_user() if user is None else user, socket.gethostname() if host is None else host),
    ]

    def plain(text: str) -> str:
        for pattern, name in rules:
            text = pattern.sub(partial(_return, name), text)
        return text

    def whole(text: str) -> str:
        parts, end = [], 0
        for match in _DATA_URI.finditer(text):
            parts += [plain(text[end : match.start()]), _scrub_uri(match, plain)]
            end = match.end()
        return "".join([*parts, plain(text[end:])])

    return whole


def scrub_notebook(nb: Any, clean: Callable[[str], str]) -> Any:
    """A copy of notebook `nb` with every source and every text-like output put through `clean`."""
    nb = deepcopy(nb)
    for cell in nb.cells:
        cell.source = clean(cell.source)
        for output in cell.get("outputs", []):
            for key in ("text", "evalue"):
                if key in output:
                    output[key] = clean(output[key])
            if "traceback" in output:
                output["traceback"] = [clean(line) for line in output["traceback"]]
            for kind, value in output.get("data", {}).items():
                if isinstance(value, str) and (kind.startswith("text/") or kind == "image/svg+xml"):
                    output["data"][kind] = clean(value)
    return nb


def _return(name: str, match: re.Match[str]) -> str:
    return name


def _scrub_uri(match: re.Match[str], plain: Callable[[str], str]) -> str:
    if match[1] != "image/svg+xml":
        return match[0]  # letters of a coded picture may look like a path; they are none
    try:
        drawing = base64.b64decode(match[2]).decode("utf-8")
    except ValueError:
        return match[0]
    clean = plain(drawing)
    if clean == drawing:
        return match[0]
    return match[0][: match.start(2) - match.start()] + base64.b64encode(clean.encode()).decode()


def _path_rules(roots: Mapping[Path, str]) -> list[tuple[re.Pattern[str], str]]:
    forms: dict[str, str] = {}
    for folder, name in roots.items():
        for path in (Path(folder).absolute(), Path(folder).resolve()):
            if len(path.parts) < 2:  # "/" as a home would match every path
                continue
            text = str(path)
            forms |= {text: name, text.replace("\\", "\\\\"): name, html.escape(text): name}
    longest = sorted(forms, key=len, reverse=True)
    # Not inside a longer path, and not a neighbour: /home/ann is no part of /home/anna or of /home/ann.old.
    return [(re.compile(rf"(?:file://)?(?<![\w.~-]){re.escape(text)}(?![\w-]|\.\w)"), forms[text]) for text in longest]


def _name_rules(user: str, host: str) -> list[tuple[re.Pattern[str], str]]:
    rules = []
    if user:
        name = re.escape(user)
        rules.append((re.compile(rf"(?<=/home/|Users[/\\]){name}(?![\w-])"), "‹user›"))
        rules.append((re.compile(rf"(?<![\w.-]){name}(?=@[\w-])"), "‹user›"))
        if user.lower() not in _ORDINARY and len(user) > 2:
            rules.append((re.compile(rf"(?<=[/\\~]){name}(?![\w-])"), "‹user›"))
    for name in sorted({host, host.split(".")[0]}, key=len, reverse=True):
        if len(name) > 2 and name != "localhost":
            text = re.escape(name)
            # In an address, or as the host part of a log file's name (events.out.tfevents.170….HOST.12.0).
            rules.append((re.compile(rf"(?:(?<=@)|(?<=//)|(?<=\d\.)){text}(?![\w-])"), "‹host›"))
            rules.append((re.compile(rf"(?<![\w.-]){text}(?=:\d)"), "‹host›"))
            if re.search(r"[\d.-]", name) and len(name) > 5:  # no word of a language looks like this
                rules.append((re.compile(rf"(?<![\w-]){text}(?![\w-])"), "‹host›"))
    return rules


def _secret_rules(environ: Mapping[str, str]) -> list[tuple[re.Pattern[str], str]]:
    values = {
        value
        for key, value in environ.items()
        # A short value ("1", "true") is no secret, and taking it out would riddle the page.
        if any(word in key.upper() for word in _SECRET_NAMES) and len(value.strip()) >= 6
    }
    forms = {form for value in values for form in (value, html.escape(value))}
    return [(re.compile(re.escape(form)), "‹secret›") for form in sorted(forms, key=len, reverse=True)]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return ""
