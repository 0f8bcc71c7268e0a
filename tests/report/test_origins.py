"""No number stands on a page that does not stand in a file: read off again, page by page, and one planted to be found."""

import csv
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import tiny
from bs4 import BeautifulSoup
from report import origins
from report.files_of_pages import files_of, files_of_all

from scanbook import open_study, params, record

STATED = Path(__file__).with_name("stated_in_prose.csv")
LISTED = re.compile(r"^ {0,3}\d+\. ", re.MULTILINE)  # the numbers of a list
YEAR = re.compile(r"(?:19|20)\d\d")


# What counts as a number, and as the same one


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ResNet-18 minus VGG-16-BN: -0.125 AUROC", [-0.125]), ("1,234 files, 64 px", [1234, 64]),
        ("0.931 (0.902–0.957)", [0.931, 0.902, 0.957]), ("person12_virus, IM-0155-0001.jpeg, 3e-4px", []),
        ("45 % and 7%", [45, 7]), ("p 1.2e-05", [1.2e-5]), ("v2, fold0, x_3", []), ("It is 12.", [12]),
    ],
)  # fmt: skip
def test_numbers_are_told_from_names(text, found):
    assert [number.value for number in origins.numbers(text)] == found


@pytest.mark.parametrize(
    ("shown", "held", "same"),
    [("0.912", 0.91239, True), ("0.912", 0.9126, False), ("12", 12.4, True), ("12", 13.0, False), ("45 %", 0.452, True),
     ("45 %", 0.461, False), ("-0.125", 0.125, True), ("1,234", 1234, True), ("4", 4.0, True), ("1.2e-05", 1.23e-5, True),
     ("1.2e-05", 1.3e-5, False)],
)  # fmt: skip
def test_a_number_is_the_one_in_the_file_when_it_rounds_to_what_is_shown(shown, held, same):
    assert origins.numbers(shown)[0].is_(held) is same


# A page of three numbers, and each way to go wrong


SCORES = pd.DataFrame([("resnet", "auroc", "test", 0.9123, 0.85, 0.96), ("vgg", "auroc", "test", 0.8, 0.7, 0.9)],
                      columns=["arm", "metric", "split", "value", "low", "high"])  # fmt: skip
FACTS = pd.DataFrame([("n_images", 120.0), ("vgg_seconds", 38.4)], columns=["key", "value"])
VERDICTS = pd.DataFrame({"sentence": ["ResNet minus VGG: +0.11 AUROC: cannot tell"], "difference": [0.1123]})
FILES = origins.Files({"scores.csv": SCORES, "facts.csv": FACTS, "comparisons.csv": VERDICTS})
GOOD = """<main><p class="say"><span class="number" data-src="facts.csv:n_images">120</span> images</p>
<p class="answer" data-src="comparisons.csv">ResNet minus VGG: +0.11 AUROC: cannot tell.</p>
<figure class="plate" id="plate-x"><img alt="ResNet-18 0.912"><figcaption>2 networks, 120 images.</figcaption>
<table data-src="scores.csv"><thead><tr><th>network</th><th>value</th><th>low</th><th>high</th></tr></thead><tbody>
<tr><th>ResNet-18</th><td>0.912</td><td>0.850</td><td>0.960</td></tr>
<tr><th>VGG-16</th><td>0.800</td><td>0.700</td><td>0.900</td></tr></tbody></table></figure></main>"""


def test_a_page_whose_numbers_all_stand_in_their_files_has_no_problem():
    assert origins.problems(GOOD, FILES) == []


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (">120<", ">121<", "facts.csv:n_images: '121'"),
        ("+0.11 AUROC", "+0.12 AUROC", "'+0.12'"),
        ('alt="ResNet-18 0.912"', 'alt="ResNet-18 0.921"', "plate-x: '0.921'"),
        ("2 networks, 120 images", "2 networks, 130 images", "plate-x: '130'"),
        ("<td>0.850</td>", "<td>0.700</td>", "no row of it holds"),  # each number is there, in another row
        ("facts.csv:n_images", "facts.csv:n_patients", "no such row"),
        ("</main>", "<p>VGG reaches 0.800.</p></main>", "no origin: '0.800'"),
        (' data-src="scores.csv"', "", "a table of numbers without data-src"),
        ("</main>", '<pre class="output">accuracy 0.9</pre></main>', "output without an origin"),
    ],
)
def test_a_number_that_does_not_stand_in_its_file_is_named(old, new, what):
    assert old in GOOD
    found = origins.problems(GOOD.replace(old, new, 1), FILES)
    assert any(what in problem for problem in found), found


# The pages as they are


@pytest.fixture(scope="module")
def files(book, monkeypatch_of_module):
    monkeypatch_of_module.chdir(book.root)
    held = {}
    for name in tiny.FIVE:
        study = open_study(name, "sample", book.overrides[name])
        held[name] = files_of(study, record.folder_of(book.root, name, "sample"))
    return held | {name: files_of_all(held) for name in ("summary", "index")}


@pytest.fixture(scope="module")
def monkeypatch_of_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def html_of(book, name):
    return (book.root / "reports" / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*tiny.FIVE, "summary", "index"])
def test_every_number_of_a_page_stands_in_the_file_that_it_names(book, files, name):
    assert origins.problems(html_of(book, name), files[name]) == []


@pytest.mark.parametrize(
    "place", [".headline .answer", "#plate-claimed figcaption", "p.say", ".plate table tbody td.num", "td[data-src]"]
)
def test_a_number_typed_by_hand_into_a_page_is_found(book, files, place):
    soup = BeautifulSoup(html_of(book, "xray"), "html.parser")
    assert soup.select(place)
    soup.select(place)[-1].append(" 0.7319")
    found = origins.problems(str(soup), files["xray"])
    assert any("0.7319" in problem for problem in found)


def test_a_number_typed_by_hand_into_an_alternative_text_is_found(book, files):
    soup = BeautifulSoup(html_of(book, "lung"), "html.parser")
    soup.select_one("#plate-headline-versus img")["alt"] += " 0.7319"
    assert any("0.7319" in problem for problem in origins.problems(str(soup), files["lung"]))


# Words typed into notebooks hold no result


def typed(notebook):
    """Numbers in the markdown cells of a notebook; neither code, nor list numbers, nor years."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"`[^`]*`", "…", LISTED.sub("", cell.source))
            yield from (n.text for n in origins.numbers(text) if not YEAR.fullmatch(n.text))


def stated():
    with STATED.open(encoding="utf-8") as file:
        return {(row["notebook"], row["number"]): row["why"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", [*tiny.FIVE, "summary"])
def test_prose_states_only_what_sources_say_and_the_list_says_who(name):
    words = ""
    if name != "summary":
        words = " ".join(c.words for c in params.load(tiny.REPOSITORY / "params" / f"{name}.yaml").claims)
    claimed = {n.text for n in origins.numbers(words)} | {f"{n.value:g}" for n in origins.numbers(words)}
    allowed = {number for notebook, number in stated() if notebook == name} | claimed
    assert [n for n in typed(tiny.REPOSITORY / "notebooks" / f"{name}.ipynb") if n not in allowed] == []


def test_nothing_is_allowed_that_no_notebook_says_and_everything_has_a_reason():
    found = {(name, n) for name in tiny.FIVE for n in typed(tiny.REPOSITORY / "notebooks" / f"{name}.ipynb")}
    assert set(stated()) <= found
    assert all(stated().values())


def test_the_template_states_no_number():
    template = tiny.REPOSITORY / "src" / "scanbook" / "template" / "notebook.ipynb"
    assert list(typed(template)) == []
