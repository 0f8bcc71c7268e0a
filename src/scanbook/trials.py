"""The judge's own record: how often the book says what was planted, quoted from docs/results/trial.csv.

The trial is run by hand (`python -m benchmarks.trial`), takes a quarter of an hour and is kept with the repository; a page
only quotes it, and without the file a sentence says how to find out.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from scanbook.report.words import Prose, Value
from scanbook.report.words import say as fill

if TYPE_CHECKING:
    from scanbook.summary import Book

TABLE = "docs/results/trial.csv"


def trial(book: "Book") -> Prose:
    """One sentence: false verdicts where nothing differs, and planted leaks and shortcuts that were caught."""
    return said(book.root / TABLE)


def said(file: Path) -> Prose:
    """The sentence for the table of one trial; where there is none, how to make it.

    file  as `benchmarks.trial` writes it: the rows of `trial` all sum up the rest
    """
    rows = pd.read_csv(file).set_index(["trial", "planted"]) if file.exists() else pd.DataFrame()
    names = {"false": "equal networks", "caught": "leaks and shortcuts"}
    if not all(("all", planted) in rows.index for planted in names.values()):
        return fill("How often the judge errs on studies whose truth was planted is measured by python -m benchmarks.trial; "
                    "its table does not lie beside this book.", {})  # fmt: skip
    values = {f"{name}_{column}": Value(int(rows.loc[("all", planted), column]), TABLE)
              for name, planted in names.items() for column in ("hits", "of")}  # fmt: skip
    return fill("The judge has been on trial itself. Of {false_of} comparisons of two networks made equal, it called "
                "{false_hits} better or worse; of {caught_of} planted leaks and shortcuts, the checks of these pages caught "
                "{caught_hits}.", values)  # fmt: skip
