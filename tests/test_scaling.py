"""The page about growth says what was measured."""

import csv
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
MEASURED = {
    (row["images"], row["step"]): row
    for row in csv.DictReader((DOCS / "results" / "scale.csv").read_text().splitlines())
}
TABLE = [line for line in (DOCS / "scaling.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("line", TABLE)
def test_a_row_of_the_page_is_what_scale_csv_holds(line):
    step, *figures = (cell.strip() for cell in line.strip("|").split("|"))
    rows = [MEASURED[images, step] for images in ("10000", "30000", "100000")]
    clock = [float(row["seconds"]) for row in rows]
    processor = [float(row["seconds"]) * float(row["busy"]) for row in rows]  # busy: cores, on average
    assert figures == [
        *(f"{seconds:.1f}" for seconds in clock),
        *(f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}" for seconds in processor),
        f"{float(rows[-1]['peak']):.0f}",
    ]


def test_every_step_that_was_measured_stands_on_the_page():
    assert {line.strip("|").split("|")[0].strip() for line in TABLE} == {step for _, step in MEASURED}
