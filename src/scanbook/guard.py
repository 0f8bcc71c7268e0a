"""No page is written that says whose images it shows.

`naming` gives pages their pseudonyms; this room reads the finished page and refuses it where a file, a group or a
person found in a DICOM header is called by name all the same: in a class folder, a caption that some cell printed, a
title. The error says how many, never whom.
"""

import base64
import contextlib
import html
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from scanbook import naming, params, record
from scanbook.loaders.decoding.formats import Unreadable

_SHORTEST = 6  # letters of a file's or group's name that is looked for: "a.png" may stand for much
_DRAWING = re.compile(r"data:image/svg\+xml(?:;[\w=.-]+)*;base64,([A-Za-z0-9+/=\s]*)")
_CODED = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=\s]*")


class NameOnPage(ValueError):
    """A finished page says what it must not; the text says how often and never what."""


def of_page(root: Path, name: str, profile: str, overrides: dict[str, Any]) -> Callable[[str], str]:
    """The check for one assignment's page; phantoms are nobody's, so theirs lets everything pass.

    Raises NameOnPage where it cannot be known what to look for.
    """
    experiment = params.load(root / "params" / f"{name}.yaml", profile, overrides)
    if experiment.phantoms:
        return str
    kept = record.folder_of(root, name, profile)
    if experiment.data.ids == "pseudonyms" and not (kept / naming.FILE).exists():
        raise NameOnPage("a notebook of a set with pseudonyms ends with show.conclude(study), which writes down the names "
                         "that must not stand in its page; without them no page is written")  # fmt: skip
    images = Path(os.environ.get("DATA_DIR") or root / "data") / experiment.data.folder
    written = (root / "params" / f"{name}.yaml", root / "notebooks" / f"{name}.ipynb")
    own_words = " ".join(file.read_text(encoding="utf-8") for file in written)
    told = people(kept, images)
    if (
        experiment.data.ids == "as_named"
    ):  # then a code may stand there, and public sets write it as the person's name too
        told = (name for name in told if not re.search(r"\d", name))
    return name_check(kept, own_words, told)


def people(kept: Path, images: Path) -> Iterator[str]:
    """The names of people in the headers of a set's DICOM files.

    kept    folder of names.csv, which says what files there are
    images  folder of the set
    """
    for row in _rows(kept).itertuples():
        file = images / row.name
        if row.kind == "image" and file.is_file() and _is_dicom(file):
            from scanbook.loaders.decoding import dicom

            with contextlib.suppress(Unreadable):  # then no picture of it is shown either
                yield from dicom.header(file).names


def name_check(kept: Path, own_words: str, people: Iterable[str] = ()) -> Callable[[str], str]:
    """A check to put a finished page through: it returns the text as it came, or raises NameOnPage.

    kept       where names.csv lies; without it only `people` are looked for
    own_words  texts whose words may stand on the page whoever is called so: parameters, the notebook's own prose
    people     names found in headers, in any order and notation

    Looked for are the files' names, groups of six letters and more, and every part of a person's name, also inside
    longer words and inside drawings; of names with a digit, which are codes, those of six signs and more as they stand.
    A part that is an ordinary word of a page ("Test", "Page") counts only beside the other parts of that name.
    """
    ordinary = _vocabulary() | _letters(own_words)
    names = {name for name in _own_names(kept) if len(name) >= _SHORTEST and name.casefold() not in ordinary}
    of_several = {name: parts for name in names if len(parts := _tokens(name)) > 1}
    everybody = set(people)
    codes = {code for code in everybody if re.search(r"\d", code) and len(code) >= _SHORTEST} - _tokens(own_words)
    persons = {frozenset(_letters(person)) for person in everybody if not re.search(r"\d", person)}
    telling = {part for person in persons for part in person if len(part) > 2 and part not in ordinary}
    inside = re.compile("|".join(sorted(part for part in telling if len(part) > 4)) or "(?!)")

    def check(text: str) -> str:
        words = _visible(text)
        tokens, letters = _tokens(words), _letters(words)
        found = (names & tokens) | {name for name, parts in of_several.items() if parts <= tokens and name in words}
        if found:
            raise NameOnPage(
                f"{len(found)} file or group name(s) of this set would stand in the page, which shows pseudonyms; name "
                f"them through study.data.names, or set data.ids: as_named. The page was not written"
            )
        told = len(telling & letters) or len({part for word in letters for part in inside.findall(word)})
        told += len(codes & tokens) + sum(
            len(person) > 1 and person <= ordinary and _beside(person, words) for person in persons
        )
        if told:
            raise NameOnPage(
                f"{told} name(s) or code(s) of people in this set's DICOM headers would stand in the page; they come from "
                f"names of files, classes or groups. The page was not written"
            )
        return text

    return check


def _own_names(kept: Path) -> Iterator[str]:
    """File names with and without extension, and groups, where pages call them otherwise."""
    rows = _rows(kept)
    for row in rows[rows["name"] != rows["shown"]].itertuples():
        last = row.name.rsplit("/", 1)[-1]
        yield from {last, last.rsplit(".", 1)[0]} if row.kind == "image" else {row.name}


def _visible(text: str) -> str:
    """A page's text, that of its drawings included, without the letters of coded pictures."""
    drawings = (base64.b64decode(found[1]).decode("utf-8", errors="replace") for found in _DRAWING.finditer(text))
    return html.unescape(" ".join([_CODED.sub(" ", text), *drawings]))


def _tokens(text: str) -> set[str]:
    return {token.strip(".-") for token in re.findall(r"[\w.-]+", text)}


def _rows(kept: Path) -> pd.DataFrame:
    file = kept / naming.FILE
    if not file.exists():
        return pd.DataFrame(columns=["kind", "name", "shown"])
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def _is_dicom(file: Path) -> bool:
    with open(file, "rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _letters(text: str) -> set[str]:
    """Its words in small letters; one of several capitals counts whole and in its pieces."""
    words = re.findall(r"[^\W\d_]+", text)
    pieces = (piece for word in words for piece in re.findall(r"[^\W\d_a-z]?[a-zß-ÿ]+|[^\W\d_a-z]+", word))
    return {word.casefold() for word in (*words, *pieces)}


def _beside(person: frozenset[str], words: str) -> bool:
    """Whether all parts of a name follow one another, in any order."""
    runs = re.findall(r"[^\W\d_]+", words.casefold())
    return any(set(runs[i : i + len(person)]) == person for i in range(len(runs)))


@cache
def _vocabulary() -> frozenset[str]:
    """The words that this program's own pages are made of."""
    package = Path(__file__).parent
    files = (file for file in package.rglob("*") if file.suffix in (".py", ".j2", ".css", ".js", ".ipynb", ".html"))
    return frozenset(word for file in files for word in _letters(file.read_text(encoding="utf-8")))
