"""Numbers in sentences and in tables, each written the same way everywhere and each with its origin.

A number typed by hand outlives the run it came from. Here a sentence is a template, its numbers are values
that say where they come from (`data-src`), and a test can hold every one of them against its file.
"""

import math
import string
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MAX_ROWS = 200
DASH = "–"


class Value(NamedTuple):
    """A number and where it comes from.

    value   a number, a text, or a pair (low, high) of an interval
    src     its origin, file:key, e.g. facts.csv:n_test_images
    unit    written after it: s, MB, patients
    digits  decimals; without it whole numbers have none, rates (between -1 and 1) three, others three
            digits in all
    """

    value: Any
    src: str
    unit: str = ""
    digits: int | None = None

    def __str__(self) -> str:
        text = written(self.value, self.digits)
        return f"{text}\u00a0{self.unit}" if self.unit else text


class Prose:
    """A sentence of the page. `html` is one paragraph, `text` the same words without marks."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def say(template: str, values: Mapping[str, Value]) -> Prose:
    """Fill a sentence with numbers that carry their origin.

    template  plain text with {names}: "The test part has {n_images} images of {n_patients} patients."
    values    a `Value` for every name; more than needed may be given

    Raises ValueError for a name without a value, a value that is no `Value` (it would have no origin), or a
    format inside the braces.
    """
    html, text = [], []
    for literal, name, spec, conversion in string.Formatter().parse(template):
        html.append(escape(literal, quote=False))
        text.append(literal)
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise ValueError(f"say: {{{name}}} may hold a name only; digits and unit belong to its Value")
        if name not in values:
            raise ValueError(f"say: no value for {{{name}}}; known: {', '.join(sorted(values)) or 'none'}")
        value = values[name]
        if not isinstance(value, Value) or not value.src:
            raise ValueError(f"say: {name} is {value!r}; give Value(number, src), a number needs an origin")
        shown = escape(str(value), quote=False)
        html.append(f'<span class="number" data-src="{escape(value.src)}">{shown}</span>')
        text.append(str(value))
    return Prose(f'<p class="say">{"".join(html)}</p>', "".join(text))


def written(value: Any, digits: int | None = None) -> str:
    """One value as the pages write it: 1,234 · 0.912 · 12.3 · 0.83 to 0.91 · yes · – where there is none."""
    if value is None or value is pd.NA or value is pd.NaT:
        return DASH
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " to ".join(written(part, digits) for part in value)
    if isinstance(value, int | np.integer):
        return f"{int(value):,}"
    if isinstance(value, float | np.floating):
        value = float(value)
        if math.isnan(value):
            return DASH
        if digits is None and (math.isinf(value) or abs(value) <= 1):
            digits = 3
        if digits is None:
            digits = max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:,.{digits}f}"
    return str(value)


def with_interval(row: pd.Series) -> str:
    """0.931 (95 % interval 0.902 to 0.957), or the value alone with the reason why there is no interval."""
    if pd.isna(row["value"]):
        return f"not defined ({row['method']})"
    if pd.isna(row["low"]):
        return f"{row['value']:.3f} ({row['method']})"
    return f"{row['value']:.3f} (95 % interval {row['low']:.3f} to {row['high']:.3f})"


def short_interval(row: pd.Series | None) -> str:
    """0.93 (0.90–0.96), for tables; a dash where there is no score."""
    if row is None or pd.isna(row["value"]):
        return "–"
    return f"{row['value']:.3f}" + ("" if pd.isna(row["low"]) else f" ({row['low']:.3f}–{row['high']:.3f})")


class Cited(str):
    """Text of a table's cell that says from which row of the record it was written."""

    src: str = ""


def cited(row: pd.Series | None) -> Cited:
    """`short_interval` of a row of scores.csv, with the key of that row."""
    text = Cited(short_interval(row))
    if row is not None and {"arm", "metric", "split"} <= set(row.index):
        text.src = ":".join(["scores.csv", row["arm"], row["metric"], *_where(row)])
    return text


def _where(row: pd.Series) -> list[str]:
    """Split and variant, as far as they differ from the test part as it is."""
    variant = str(row.get("variant") or "") if row.get("variant") == row.get("variant") else ""
    own_arm = variant and str(row["arm"]).startswith("rule_")  # of a rule, variant repeats its name
    return [row["split"], variant] if variant and not own_arm else [row["split"]] * (row["split"] != "test")


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text: one form per column, names with spaces, a named or labelled index as first column."""
    if table.index.name or not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index(names=table.index.name or "")
    if isinstance(table.columns, pd.MultiIndex):
        table = table.set_axis([" ".join(map(str, name)).strip() for name in table.columns], axis=1)
    columns = [_column(table.iloc[:, i]) for i in range(table.shape[1])]
    names = [str(name).replace("_", " ") for name in table.columns]
    return pd.DataFrame(dict(enumerate(columns)), index=range(len(table))).set_axis(names, axis=1)


def table_html(table: pd.DataFrame, caption: str, src: str = "") -> str:
    """An HTML table that can be scrolled sideways by keyboard and read row by row by a screen reader.

    The first column names the rows where its cells are text. At most `MAX_ROWS` rows are written; the caption
    says so.
    """
    text = tidy(table.head(MAX_ROWS))
    kept = table.reset_index() if len(text.columns) > table.shape[1] else table
    numeric = [pd.api.types.is_numeric_dtype(kept.iloc[:, i]) for i in range(len(text.columns))]
    if len(table) > MAX_ROWS:
        caption = f"{caption} (the first {MAX_ROWS} of {len(table):,} rows)"
    label, origin = escape(caption), f' data-src="{escape(src)}"' if src else ""
    head = "".join(
        f'<th scope="col"{_aligned(is_number)}>{escape(name)}</th>' if name else "<td></td>"
        for name, is_number in zip(text.columns, numeric, strict=True)
    )
    body = []
    for r, row in enumerate(text.itertuples(index=False)):
        cells = [
            f'<th scope="row">{escape(cell)}</th>'
            if i == 0 and not numeric[0]
            else f"<td{_aligned(numeric[i])}{_origin(kept.iat[r, i])}>{escape(cell)}</td>"
            for i, cell in enumerate(row)
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="table-scroll" tabindex="0" role="region" aria-label="Table: {label}" '
        f'style="overflow-x:auto">'
        f"<table{origin}><caption>{label}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _column(cells: pd.Series) -> list[str]:
    """Decimals are settled once a column: three where all are rates, else what the largest needs for three
    digits.
    """
    if not pd.api.types.is_float_dtype(cells):
        return [written(cell) for cell in cells]
    known = cells[np.isfinite(cells)].abs()
    if known.empty or known.max() <= 1:
        small = not known.empty and 0 < known.max() < 0.001
        return [f"{cell:.2g}" if small and cell == cell else written(float(cell), 3) for cell in cells]
    digits = 0 if (known % 1 == 0).all() else max(0, 2 - math.floor(math.log10(known.max())))
    return [written(float(cell), digits) for cell in cells]


def _origin(cell: Any) -> str:
    src = getattr(cell, "src", "")
    return f' data-src="{escape(src)}"' if src else ""


def _aligned(is_number: bool) -> str:
    return ' class="num" style="text-align:right"' if is_number else ""
