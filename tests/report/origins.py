"""Where the numbers of a page come from: each is read off the page again and looked for in the file that it names.

A page is taken apart as a reader meets it: sentences, tables, captions and the words that stand for pictures. What
carries a key (`data-src="scores.csv:resnet:auroc"`) is held against that row alone; a table against the rows of the file
it names; a caption against the table under it. Words typed into a notebook are `prose`'s business.
"""

import itertools
import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from bs4 import BeautifulSoup, Tag
from report.shown import Number, numbers

METHOD = (  # numbers of the method and of sources, as captions say them: each stands in docs/methods.md or names its source
    "95 %", "5 % level", "32 × 32", "in all eight turns", "1-NN", "0.5 would mean", "n / (number", "1×1", "3×3",
    "et al. 2016", "CLAIM 2024", "Narayanan (2023)", "nearer to 1",
)  # fmt: skip
SHARE = re.compile(r"(\d+) of (\d+)")  # a rate that is said in whole images
PLACE = re.compile(r"\bImage \d+\b")  # of the quiz
SKIPPED = ("pre, code, script, style, nav, footer, legend, details.code, .provenance, #plate-provenance, .badge, .prose, "
           ".skip, .glossary, .item")  # fmt: skip


@dataclass
class Files:
    """The files that one page may name, each as the numbers that stand in it.

    tables  facts, scores, comparisons, manifest, split, history, predictions … as tables
    loose   numbers and texts of what is no table: parameters, claims, states
    names   what images and groups are called: no numbers, whatever they look like
    by_image  what an image is called on the page -> the probabilities that were answered to it
    """

    tables: dict[str, pd.DataFrame]
    loose: dict[str, set[float]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    by_image: dict[str, set[float]] = field(default_factory=dict)

    @cached_property
    def _pools(self) -> dict[str, np.ndarray]:
        return {}

    def pool(self, file: str) -> np.ndarray:
        """All numbers of one file, and how often each value of its short columns occurs."""
        if file not in self._pools:
            found = set(self.loose.get(file, ()))
            if file in self.tables:
                found |= within(self.tables[file])
            self._pools[file] = np.array(sorted(found), float)
        return self._pools[file]

    def without_verdicts(self, text: str) -> str:
        """A text less the verdicts that stand in comparisons.csv word by word."""
        table = self.tables.get("comparisons.csv")
        sentences = [] if table is None else sorted(map(str, table["sentence"]), key=len, reverse=True)
        for sentence in sentences:
            text = text.replace(sentence, "")
        return text

    def has(self, file: str, number: Number) -> bool:
        """Whether a file holds a number that can be shown like this one."""
        return number.stands_in(self.pool(file))

    def row(self, src: str) -> list[float] | None:
        """The numbers of the row that a key names: scores.csv:arm:metric, facts.csv:key. None: no such row."""
        file, _, key = src.partition(":")
        table = self.tables.get(file)
        if table is None or not key:
            return None
        if file == "facts.csv":
            rows = table[table["key"] == key]
        elif file == "scores.csv":
            arm, metric, *where = key.split(":")
            rows = table[(table["arm"] == arm) & (table["metric"] == metric)]
            rows = rows[rows["split"] == (where[0] if where else "test")]
            if "variant" in rows and (where[1:] or len(rows) > 1):
                rows = rows[rows["variant"].fillna("").astype(str) == ":".join(where[1:])]
        else:
            return None
        return None if rows.empty else [float(v) for v in rows.select_dtypes("number").to_numpy().ravel() if v == v]


def within(table: pd.DataFrame) -> set[float]:
    """What can be read off a table: its cells, its size, sums, means and counts of its columns."""
    found = {float(len(table)), float(table.shape[1])}
    for _, column in table.items():
        values = pd.to_numeric(column, errors="coerce")
        numeric = values.notna().any() and column.dtype != object
        if numeric:
            known = values[np.isfinite(values.astype(float))].astype(float)
            found |= set(known) | {known.sum(), known.mean(), known.max() - known.min()}
        if not numeric or column.nunique() < 60:
            counts = column.astype(str).value_counts()
            found |= {float(n) for n in counts} | {float(column.nunique()), float(len(table) - counts.max())}
    return {value for value in found if np.isfinite(value)}


def problems(html: str, files: Files) -> list[str]:
    """A line for every number of a page that does not stand where the page says; empty when all do."""
    soup = BeautifulSoup(html, "html.parser")
    main = soup.main or soup
    found = [
        f"output without an origin: {tag.get_text()[:60]!r}" for tag in main.select("pre.output") if numbers(tag.text)
    ]
    for tag in main.select(SKIPPED):
        tag.decompose()
    for plate in main.select("figure.plate"):
        found += _plate(plate.extract(), files)
    for tag in main.select("[data-src]"):
        found += _sourced(tag, files)
    for tag in main.select("[data-src]"):
        if not tag.decomposed:
            tag.decompose()
    left = main.get_text(" ", strip=True)
    found += [f"no origin: {number.text!r} in {_around(left, number.text)!r}" for number in _numbers(left, files)]
    return found


def _plate(plate: Tag, files: Files) -> list[str]:
    where = str(plate.get("id", "a plate"))
    found, own = [], np.array([])
    table = plate.find("table")
    if table is not None:
        found += [f"{where}: {problem}" for problem in _sourced(table, files)]
        own = np.array(sorted(_cells(table)))
    told = [tag.get_text(" ", strip=True) for tag in plate.select("figcaption")]
    told += [str(image.get("alt", "")) for image in plate.find_all("img")]
    src = [name.strip() for name in str(table.get("data-src", "") if table is not None else "").split(",")]
    for text in told:
        for number in _numbers(files.without_verdicts(text), files):
            near = files.has("facts.csv", number) or files.has("params", number) or files.has("method", number)
            counted = number.places == 0 and not number.percent and any(files.has(name, number) for name in src)
            if not (near or counted or number.stands_in(own)):
                found.append(f"{where}: {number.text!r} of {_around(text, number.text)!r} is not in its table")
    return found


def _cells(table: Tag) -> set[float]:
    rows = [[cell.get_text(" ", strip=True) for cell in row.find_all(("th", "td"))] for row in table.select("tbody tr")]
    found = {number.value for row in rows for cell in row for number in numbers(cell)}
    heads = {number.value for head in table.select("thead th") for number in numbers(head.get_text())}
    columns = [pd.Series(column) for column in itertools.zip_longest(*rows)]
    for column in columns:
        values = pd.to_numeric(column.str.replace(",", ""), errors="coerce")
        found |= within(pd.DataFrame({"x": values if values.notna().any() else column}))
    if rows:
        found |= _between(columns)
    return found | heads


def _between(columns: list[pd.Series]) -> set[float]:
    """What a caption says of two columns: by how much they differ, in how many rows they say the same."""
    found: set[float] = set()
    values = [pd.to_numeric(column.str.replace(",", ""), errors="coerce") for column in columns]
    for (a, x), (b, y) in itertools.combinations(zip(columns, values, strict=True), 2):
        found |= {float(d) for d in (x - y).abs().dropna()} | {float((a == b).sum()), float((a != b).sum())}
    return found


def _sourced(tag: Tag, files: Files) -> list[str]:
    if tag.decomposed:
        return []
    src = str(tag.get("data-src", ""))
    if not src and tag.name == "table" and _numbers(tag.get_text(" "), files):
        return ["a table of numbers without data-src"]
    if tag.name == "table":
        return _table(tag, src, files)
    return _sentence(tag.get_text(" ", strip=True), src, files)


def _sentence(text: str, src: str, files: Files) -> list[str]:
    file, _, key = src.partition(":")
    if file == "comparisons.csv":
        text = files.without_verdicts(text)
    row = files.row(src) if key else None
    for right, asked in SHARE.findall(text) if row is not None else ():
        if float(asked) in row and any(abs(value - float(right) / float(asked)) < 1e-9 for value in row):
            text = text.replace(f"{right} of {asked}", "…")
    if key and row is None and file in ("facts.csv", "scores.csv"):
        return [f"{src}: no such row, shown as {text!r}"]
    missing = []
    for number in _numbers(text, files):
        if not (any(number.is_(v) or number.is_(v / 1e6) for v in row) if row is not None else
                any(files.has(name.strip(), number) for name in file.split(","))):  # fmt: skip
            missing.append(f"{src}: {number.text!r} of {_around(text, number.text)!r} is not there")
    return missing


def _table(table: Tag, src: str, files: Files) -> list[str]:
    found, names = [], [name.strip() for name in src.split(",")]
    heads = [head.get_text(" ", strip=True) for head in table.select("thead tr:last-child > *")]
    for row in table.select("tbody tr"):
        cells = row.find_all(("th", "td"), recursive=False)
        texts = [cell.get_text(" ", strip=True) for cell in cells]
        together = _together(heads, texts, names[0], files)
        image = next((files.by_image[text] for text in texts if text in files.by_image), None)
        pools = [files.pool(name) for name in names]
        if image is not None and names[0] == "predictions.csv":
            pools[0] = np.array(sorted(image))  # what was answered to this image, and to no other
        for i, (cell, text) in enumerate(zip(cells, texts, strict=True)):
            if cell.get("data-src"):
                found += _sentence(text, str(cell["data-src"]), files)
            elif together is None or i not in together:
                per = 1e6 if i < len(heads) and "million" in heads[i] else 1.0
                found += [
                    f"{src}: {number.text!r} of row {' | '.join(texts)[:80]!r} is not there"
                    for number in _numbers(text, files)
                    if not (number.value == 0 and number.places == 0)  # nothing of something stands in no file
                    and not any(number.stands_in(pool / per) for pool in pools)
                ]
        if together is not None and not together:
            found.append(f"{src}: no row of it holds {' | '.join(texts)[:100]!r}")
    return found


def _together(heads: list[str], texts: list[str], file: str, files: Files) -> set[int] | None:
    """Cells that must stand together in one row of a file; None where the table shares too few columns with it."""
    table = files.tables.get(file)
    if table is None:
        return None
    named = {name.replace("_", " "): name for name in table.select_dtypes("number").columns}
    shared = {i: named[head] for i, head in enumerate(heads) if head in named and i < len(texts) and numbers(texts[i])}
    if len(shared) < 2 or all(number.value == 0 for i in shared for number in numbers(texts[i])):  # what was not run
        return None
    fits = np.ones(len(table), bool)
    for i, name in shared.items():
        number = numbers(texts[i])[0]
        fits &= number.among(table[name].to_numpy(float))
    return set(shared) if fits.any() else set()


def _numbers(text: str, files: Files) -> list[Number]:
    """Numbers of a text that are neither part of a name nor of the method."""
    for name in files.names:
        if name in text:
            text = text.replace(name, "…")
    text = PLACE.sub("…", text)
    for words in METHOD:
        text = text.replace(words, "…").replace(words.replace(" ", "\u00a0"), "…")
    return numbers(text)


def _around(text: str, part: str) -> str:
    at = text.find(part)
    return text[max(0, at - 30) : at + len(part) + 30]
