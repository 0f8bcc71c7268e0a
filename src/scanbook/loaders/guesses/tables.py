"""Which column of a table says what: the file, the class, the patient, the published part.

The name of a column is a hint; what it holds decides. The column that names files is the one whose cells fit files.
Whether a column can be a label at all is `guesses.labels`' to say.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scanbook.loaders.guesses import labels as labels
from scanbook.loaders.guesses.labels import key
from scanbook.loaders.label_table import Columns, Row, join
from scanbook.loaders.layouts import part_of

NOTHING = Columns("", "")
NAMES = ["image", "imagepath", "path", "filename", "file", "filepath", "imagename", "imageid", "name", "id", "img",
         "imageindex", "idcode", "dicom", "fname"]  # fmt: skip
STRONG = ["label", "class", "target", "finding", "diagnosis", "findinglabels", "findings", "dx", "category", "classname",
          "labelname"]  # fmt: skip
LABELS = [*STRONG, "benignmalignant", "pathology", "outcome", "view", "plane", "type", "grade", "severity", "stage"]
PATIENTS = ["patientid", "patient", "subject", "subjectid", "patientnum", "patientnumber", "patientno", "participant",
            "participantid", "pid", "case", "caseid", "study", "studyid", "studyinstanceuid", "lesionid"]  # fmt: skip
SPLITS = ["split", "fold", "set", "subset", "partition", "part", "dataset", "phase"]


@dataclass(frozen=True)
class Reading:
    """What a table says: its columns, the rows as they are to be used, and remarks.

    rows       the table's rows, or rows made of several columns (`made`)
    made       whether the table itself must be rewritten to be read so
    names      label in `rows` -> what to call the class
    questions  (sentence, key of the parameter file)
    """

    columns: Columns
    rows: list[Row]
    made: bool
    names: dict[str, str]
    understood: tuple[str, ...]
    questions: tuple[tuple[str, str], ...]


def read_columns(
    called: str,
    header: Sequence[str],
    cells: Sequence[Sequence[str]],
    files: Sequence[str],
    wanted: Columns = NOTHING,
    sure: bool = False,
) -> Reading | None:
    """Find out what the columns of a table mean.

    called  the table's name, for the sentences
    files   posix paths of the images
    wanted  columns that a person named; "" where they left it to us
    sure    only labels that are called so: folders say something too

    Returns None where no column names files: then the table is about something else. Raises ValueError for a column
    that is not there, and for labels that are several an image, numbers, or fewer than two.
    """
    cells = [[*row, *[""] * (len(header) - len(row))] for row in cells if any(map(str.strip, row))]
    columns = {column: [row[k].strip() for row in cells] for k, column in enumerate(header)}
    for column in (wanted.name, wanted.label, wanted.patient, wanted.split):
        if column and column not in columns:
            raise ValueError(f"{called}: there is no column {column!r}; found: {', '.join(header)}")
    name = wanted.name or _names_files(columns, files)
    if not name:
        return None
    questions: list[tuple[str, str]] = []
    patient = wanted.patient or next(iter(_called(columns, PATIENTS, {name, wanted.label})), "")
    if patient and not wanted.patient and re.match("study|lesion", key(patient)):
        questions.append((f"{patient!r} is taken for the patient; a person may have several", "data.patient_column"))
    split, remark = _split_of(columns, wanted.split, {name, patient, wanted.label})
    questions += [(remark, "data.split_column")] if remark else []
    rest = {column: values for column, values in columns.items() if column not in (name, patient, split)}
    label = wanted.label or _label(rest, sure)
    several = [] if label else labels.findings(rest)
    if several:
        said, names = labels.one_of(called, columns, several), {}
        understood = [f"{called}: {name!r} names the file, one of {len(several)} columns the class"]
    elif not label and sure:
        return None
    else:
        label = label or _only_words(called, rest)
        labels.refuse_numbers(called, label, columns[label])
        labels.refuse_several(called, label, columns[label])
        said, names = columns[label], {} if key(label) in LABELS else labels.names_of(label, columns[label])
        understood = [f"{called}: {name!r} names the file, {label!r} the class"]
        others = [c for c in _called(rest, LABELS) if c != label and len(set(rest[c]) - {""}) > 1]
        if others and not wanted.label:
            questions.append(
                (f"{label!r} is taken for the class; it could be {' or '.join(others)}", "data.label_column")
            )
    understood += [f"{patient!r} the patient"] * bool(patient) + [f"{split!r} the published part"] * bool(split)
    nobody = [""] * len(cells)
    columns_of_rows = (columns[name], said, columns.get(patient, nobody), columns.get(split, nobody))
    rows = [Row(line, *row) for line, row in enumerate(zip(*columns_of_rows, strict=True), start=2)]
    labels.refuse_repeated(called, rows)
    return Reading(Columns(name, label or "label", patient, split), rows, bool(several), names,
                   (", ".join(understood),), tuple(questions))  # fmt: skip


def _called(columns: Mapping[str, list[str]], known: Sequence[str], without: Iterable[str] = ()) -> list[str]:
    """The columns called as one of `known`, in the order of `known`."""
    return [column for word in known for column in columns if key(column) == word and column not in without]


def _names_files(columns: dict[str, list[str]], files: Sequence[str]) -> str:
    """The column most of whose cells fit a file; among equals the one that is called so."""
    best, share = "", 0.0
    usual = _called(columns, NAMES, set())
    others = [column for column, cells in columns.items() if column not in usual and len(set(cells)) > 0.5 * len(cells)]
    for column in [*usual, *others]:
        sample = [Row(0, cell, "") for cell in columns[column][:: max(1, len(columns[column]) // 500)]]
        fits = sum(bool(found) for found, _ in join(sample, list(files))) / max(1, len(sample))
        if fits > share + 0.05:
            best, share = column, fits
    return best if share > 0.05 else ""


def _split_of(columns: dict[str, list[str]], wanted: str, without: set[str]) -> tuple[str, str]:
    """The column of the published part, or why one that is called so is none."""
    for column in [wanted] if wanted else _called(columns, SPLITS, without):
        values = set(columns[column]) - {""}
        unknown = sorted(value for value in values if not part_of(value))
        if values and not unknown:
            return column, ""
        if values:
            shown = ", ".join(unknown[:4])
            return "", f"column {column!r} holds {shown}, which are no parts (train, val, test): it is not used"
    return "", ""


def _label(columns: Mapping[str, list[str]], sure: bool) -> str:
    """The column that is called like a label and holds several; the one that says it in words where it is numbers."""
    usual = _called(columns, STRONG if sure else LABELS)
    several = [column for column in usual if len(set(columns[column]) - {""}) > 1]
    if not several:
        return usual[0] if usual and not sure else ""
    label, cells = several[0], columns[several[0]]
    if all(re.fullmatch(r"\d+(\.0)?", cell) for cell in cells if cell):
        for column, words in columns.items():
            if column != label and len(set(words)) == len(set(cells)) == len(set(zip(cells, words, strict=True))):
                return column
    return label


def _only_words(called: str, columns: Mapping[str, list[str]]) -> str:
    """The only column that could be a label, where none is called so."""
    could = [column for column, cells in columns.items()
             if key(column) not in labels.NO_FINDING and 2 <= len(set(cells) - {""}) <= labels.MANY / 2
             and len(cells) >= 2 * len(set(cells))]  # fmt: skip
    if len(could) != 1:
        raise ValueError(
            f"{called}: which column is the class? Found: {', '.join(columns)}. Say it with --label-column"
        )
    return could[0]
