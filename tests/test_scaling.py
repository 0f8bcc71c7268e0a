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
    step, few, many, peak = (cell.strip() for cell in line.strip("|").split("|"))
    assert few == f"{float(MEASURED['10000', step]['seconds']):.1f}"
    assert many == f"{float(MEASURED['30000', step]['seconds']):.1f}"
    assert peak == f"{float(MEASURED['30000', step]['peak']):.0f}"


def test_every_step_that_was_measured_stands_on_the_page():
    assert {line.strip("|").split("|")[0].strip() for line in TABLE} == {step for _, step in MEASURED}
