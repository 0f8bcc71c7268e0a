"""Whether a table's columns hold labels that a classifier can learn: one class an image.

Several findings a row, measurements and lists of boxes are refused here, each with what would make a question for a
classifier of it. One column a class, with a single 1 in each row, is one label written apart, and read as such.
"""

import re
from collections import Counter
from collections.abc import Mapping

from scanbook.loaders.label_table import Row

MANY = 50  # classes; above it a column of words is no label
NO_FINDING = {"split", "fold", "set", "subset", "partition", "part", "dataset", "phase", "sex", "gender", "male", "female",
              "age", "smoker", "train", "test", "view", "laterality"}  # fmt: skip
_ONE = {"0", "1", "0.0", "1.0", "-1", "-1.0", "", "true", "false", "yes", "no"}
_YES = {"1", "1.0", "true", "yes"}
_NO = {"0", "0.0", "false", "no"}


def key(column: str) -> str:
    """A column's name as it is compared: patient_id, Patient ID and PatientID are one."""
    return re.sub(r"[\W_]", "", column.lower())


def findings(columns: Mapping[str, list[str]]) -> list[str]:
    """Columns of 0 and 1, each a finding; fewer than two are none."""
    found = [column for column, cells in columns.items()
             if key(column) not in NO_FINDING and set(map(str.lower, cells)) <= _ONE
             and {cell.lower() for cell in cells} & _YES]  # fmt: skip
    return found if len(found) > 1 else []


def one_of(called: str, columns: Mapping[str, list[str]], several: list[str]) -> list[str]:
    """The one finding of each row, by columns of 0 and 1. ValueError where rows have several, or none."""
    positive = [[c for c in several if columns[c][row].lower() in _YES] for row in range(len(columns[several[0]]))]
    many, none = sum(len(found) > 1 for found in positive), sum(not found for found in positive)
    if many or none:
        shown = ", ".join(several[:4]) + (" …" if len(several) > 4 else "")
        raise ValueError(
            f"{called}: {len(several)} columns of 0 and 1 ({shown}); {many:,} of {len(positive):,} rows have several "
            f"findings and {none:,} none. Networks here give one class an image: choose one finding as the question with "
            f"--label-column {several[-1]!r}, or add a column with one class a row"
        )
    return [found[0] for found in positive]


def names_of(label: str, cells: list[str]) -> dict[str, str]:
    """What to call the classes of a finding's own column of 0 and 1: {"0": "no Edema", "1": "Edema"}; {} for any other."""
    if not {cell.lower() for cell in cells} <= _ONE:
        return {}
    named = {
        cell: label if cell.lower() in _YES else f"no {label}" for cell in set(cells) if cell.lower() in _YES | _NO
    }
    return named if len(set(named.values())) == 2 else {}


def refuse_numbers(called: str, label: str, cells: list[str]) -> None:
    """ValueError for a column of measurements."""
    filled = [cell for cell in cells if cell]
    numbers = [float(cell) for cell in filled if re.fullmatch(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?", cell)]
    if len(numbers) > 0.8 * len(filled) and len(set(numbers)) > 20:
        raise ValueError(
            f"{called}: column {label!r} holds {len(set(numbers)):,} different numbers, {min(numbers):g} to "
            f"{max(numbers):g}: a measurement. Networks here tell classes apart: add a column that cuts it into classes "
            f"(below and above a threshold that means something), and name that with --label-column"
        )


def refuse_several(called: str, label: str, cells: list[str]) -> None:
    """ValueError for cells that hold several labels, for more classes than can be classes, and for fewer than two."""
    values = set(cells)
    for mark in "|;,":
        several = [value for value in values if mark in value]
        words = Counter(word.strip() for value in values for word in set(value.split(mark)))
        alone = values - set(several)  # a comma may belong to a name, as in "adenoma, villous"
        shared = [value for value in several if any(word.strip() in alone or (mark == "|" and words[word.strip()] > 1)
                                                    for word in value.split(mark))]  # fmt: skip
        if shared and len(shared) > len(several) / 2:
            n = sum(cell in several for cell in cells)
            raise ValueError(
                f"{called}: {n:,} of {len(cells):,} rows carry several labels in {label!r} (such as {min(shared)!r}). "
                f"Networks here give one class an image: add a column with one class a row (one finding, yes or no), or "
                f"leave those rows out, and name it with --label-column"
            )
    found = Counter(cell for cell in cells if cell)
    if len(found) > MANY:
        raise ValueError(
            f"{called}: column {label!r} holds {len(found):,} different values, too many for classes (at most {MANY}); name "
            f"another with --label-column"
        )
    if len(found) < 2:
        raise ValueError(
            f"{called}: column {label!r} holds {len(found)} class ({', '.join(found) or 'nothing'}); at least two are "
            f"needed: add the images of the other, or name another column with --label-column"
        )


def refuse_repeated(called: str, rows: list[Row]) -> None:
    """Several rows for one image with different labels, as lists of boxes have: that is several labels an image."""
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(row.name, set()).add(row.label)
    several = sum(len(said) > 1 for said in labels.values())
    if several > 0.1 * len(labels):
        raise ValueError(
            f"{called}: {several:,} of {len(labels):,} images have several rows with different labels: a list of findings, "
            f"not of images. Make a table with one row an image and one class"
        )
