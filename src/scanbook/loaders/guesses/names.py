"""What file names alone tell: whose image it is, which files are masks, and a class in front of a running number.

Names are evidence and not proof, so each guess has a bar below which nothing is guessed: a patient that is none joins
strangers, and a patient that is missed puts one person on both sides of the split.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_DIGITS = re.compile(r"\d+")
_DATE = re.compile(r"(19|20)\d\d((0\d|1[0-2])([0-2]\d|3[01]))?")
_PERSON = re.compile(r"(patient|person|subject|participant|subj|pat|sub)[-_ ]*$", re.IGNORECASE)
_MASK = re.compile(r"[-_ ]*(mask|seg|segmentation|groundtruth|ground_truth|gt|annotation|contour|roi)([-_ ]?\d+)?",
                   re.IGNORECASE)  # fmt: skip
_GENERIC = {"img", "image", "im", "pic", "picture", "photo", "scan", "slice", "frame", "file", "sample", "video", "no", "nr",
            "x", "case", "patient", "person", "subject", "isic", "dsc", "us", "ct", "mr", "mri", "train", "test",
            "val"}  # fmt: skip


@dataclass(frozen=True)
class Patients:
    """pattern for data.group, "" where none is certain; words: what was seen."""

    pattern: str
    words: str


def find_patients(labels: Mapping[str, str]) -> Patients:
    """A beginning of the names that several images share and that ends in a number.

    labels  posix path -> class, one entry an image; folders say nothing here

    Names are sorted by shape (their digits taken away). In each shape the first number that varies ends the group, and
    something must follow it. Certain is: almost every name has such a beginning; at least 5 groups, none above half of
    the images; and either a word such as "patient" before the number, or three images in ten with a sibling. Without
    that word, groups that mostly show several classes are numbers that begin again in each folder.
    """
    heads = _heads([path.rsplit("/", 1)[-1] for path in labels])
    found: dict[str, list[str]] = defaultdict(list)
    pattern = f"^({'|'.join(heads)})(?!\\d)" if heads else ""
    for path in labels:
        if pattern and (match := re.match(pattern, path.rsplit("/", 1)[-1])):
            found[match[1]].append(path)
    covered = sum(map(len, found.values()))
    if not heads or covered < 0.95 * len(labels):
        return Patients("", "no beginning of the file names is shared by several images of one class")
    seen = f"names begin with {len(found)} different {' or '.join(_plain(head) for head in heads)}"
    several = [names for names in found.values() if len(names) > 1]
    shared = sum(map(len, several)) / len(labels)
    person = all(_PERSON.search(_plain(head).rstrip("0123456789#")) for head in heads)
    if len(found) < 5 or max(map(len, found.values())) > len(labels) / 2:
        return Patients("", f"{seen}, too few groups to be sure that they are patients; if they are, set it to "
                        f"'{pattern}'")  # fmt: skip
    if not person and shared < 0.3:
        return Patients("", f"{seen}, but few of them have two images; if they are patients, set it to '{pattern}'")
    mixed = sum(len({labels[name] for name in names}) > 1 for names in several)
    if not person and several and mixed > 0.3 * len(several):
        return Patients("", f"{seen}, but most of them stand in several classes: numbers that begin again in each class, or "
                        f"patients with several findings; then set it to '{pattern}'")  # fmt: skip
    return Patients(pattern, seen)


def _heads(names: list[str], most: int = 6) -> list[str]:
    """Regular expressions of the beginnings, one a kind of name, the longest first; none where there is no sense."""
    shapes: dict[str, list[str]] = defaultdict(list)
    for name in names:
        shapes[_DIGITS.sub("#", name.rsplit(".", 1)[0])].append(name.rsplit(".", 1)[0])
    heads: set[str] = set()
    for members in shapes.values():
        columns = list(zip(*(_DIGITS.findall(name) for name in members), strict=True))
        varying = [k for k, column in enumerate(columns) if len(set(column)) > 1]
        first = varying[0] if varying else (len(columns) - 2 if len(columns) > 1 else 0)
        spans = list(_DIGITS.finditer(members[0]))
        if not spans:
            continue
        rest = members[0][spans[first].end() :]
        if not re.search(r"\w", rest) or all(_DATE.fullmatch(number) for number in columns[first]):
            continue  # a running number is one image; a date is no patient
        text, at = "", 0
        for k, span in enumerate(spans[: first + 1]):
            text += _escaped(members[0][at : span.start()]) + (r"\d+" if k == first else span.group())
            at = span.end()
        heads.add(text)
    return sorted(heads, key=lambda head: (-len(head), head)) if len(heads) <= most else []


def _escaped(text: str) -> str:
    return re.sub(r"\\([-  ])", r"\1", re.escape(text))


def _plain(head: str) -> str:
    return re.sub(r"\\(.)", r"\1", head.replace(r"\d+", "#"))


def find_masks(names: Sequence[str]) -> str:
    """A pattern for files that lie beside an image of the same name and are its mask; "" where there are none.

    names  posix paths; `benign (1)_mask.png` and `benign (1)_mask_1.png` beside `benign (1).png`
    """
    stems = {name.rsplit(".", 1)[0] for name in names}
    endings: Counter[str] = Counter()
    for stem in stems:
        for match in _MASK.finditer(stem):
            if match.end() == len(stem) and stem[: match.start()] in stems and match.start():
                endings[stem[match.start() : match.start(2) if match[2] else match.end()]] += 1
    if not endings:
        return ""
    words = "|".join(sorted(map(_escaped, endings)))
    return rf"({words})([-_ ]?\d+)?\.\w+$" if len(endings) > 1 else rf"{words}([-_ ]?\d+)?\.\w+$"


def find_prefix_classes(names: Sequence[str]) -> dict[str, str]:
    """name -> class for names such as `normal_001.png`, `cat.12.jpg`, `benign (3).png`; empty where not certain.

    names  without folders. Certain is: every name is a word and a number, with 2 to 20 different words, five images at
           least behind each, and none of them a word that any camera writes.
    """
    found = {}
    for name in names:
        match = re.fullmatch(r"([^\W\d_][^\d]*?)[-_ .(]*\d+\)?", name.rsplit(".", 1)[0])
        if match is None:
            return {}
        found[name] = match[1].strip(" -_.(")
    counts = Counter(found.values())
    if not 2 <= len(counts) <= 20 or min(counts.values()) < 5 or {word.lower() for word in counts} & _GENERIC:
        return {}
    return found


def running_numbers(labels: Mapping[str, str]) -> bool:
    """Whether names differ in one number alone, which runs on within a class: neighbours may be slices of one scan.

    labels  posix path -> class, as for `find_patients`
    """
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for path, label in labels.items():
        stem = path.rsplit(".", 1)[0]
        digits = _DIGITS.findall(stem)
        if digits and len(digits[-1]) < 10:
            numbers[label, "#".join(_DIGITS.split(stem)[:-1]) + "".join(digits[:-1])].append(int(digits[-1]))
    dense = sum(len(n) for n in numbers.values() if len(n) >= 10 and len(n) > 0.3 * (max(n) - min(n) + 1))
    return dense > 0.8 * len(labels)
