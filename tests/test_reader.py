"""What the pages offer a reader: a quiz that is no trap, lists whose links lead somewhere, cards, words, two clicks to the
method.
"""

import re

import pandas as pd
import pytest
import tiny
from bs4 import BeautifulSoup
from report import browser as looking

from scanbook import record
from scanbook.names import MAIN
from scanbook.quiz import METRIC
from scanbook.report.checklist import CLAIM, LEAKAGE


@pytest.fixture(params=tiny.FIVE)
def name(request):
    return request.param


@pytest.fixture
def soup(book, name):
    return BeautifulSoup((book.root / "reports" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def folder(book, name):
    return record.folder_of(book.root, name, "sample")


def test_the_quiz_asks_for_every_class_and_scores_as_the_record_does(book, name, soup):
    truths = [field["data-truth"] for field in soup.select("section.quiz fieldset")]
    assert len(truths) == 8
    counts = pd.Series(truths).value_counts()
    assert counts.max() - counts.min() <= 1
    scores = pd.read_csv(folder(book, name) / "scores.csv")
    kept = scores[scores["metric"] == METRIC].set_index("arm")["value"]
    shown = {tag["data-src"].split(":")[1]: tag.text for tag in soup.select(".quiz-answers .number")}
    assert {arm: round(8 * value) for arm, value in kept.items()} == {a: int(t.split()[0]) for a, t in shown.items()}


def test_no_name_of_a_file_stands_beside_a_question(soup):
    for field in soup.select("section.quiz fieldset"):
        text = " ".join([field.legend.text, field.img["alt"]])
        assert re.fullmatch(r"Image (\d+) Test image \1 of the quiz, to be read by eye", text)


def test_both_lists_are_whole_and_every_link_leads_to_a_place_on_the_page(soup):
    assert len(soup.select("table.checklist tbody tr")) == len(CLAIM) + len(LEAKAGE)
    places = {tag["id"] for tag in soup.find_all(id=True)}
    links = {link["href"][1:] for link in soup.select("table.checklist a:not(.term), a.term, .headline a")}
    assert links - places == set()
    assert len(links) > 10


def test_the_page_and_the_card_beside_the_record_say_the_same(book, name, soup):
    for arm in MAIN:
        text = (folder(book, name) / f"model-card-{arm}.md").read_text(encoding="utf-8")
        card = soup.select_one(f"#card-{arm}")
        assert "Not for clinical use" in text
        for cell in card.select("tbody td[data-src]"):
            assert f"| {cell.text} |" in text
        for number in card.select(".number"):
            assert number.text in text


def test_from_the_headline_to_the_method_it_is_one_click_and_it_stands_open(book, name, browser):
    with looking.visit(browser, book.root / "reports" / f"{name}.html") as (shown, _):
        method = shown.locator("#how .say").first
        assert not method.is_visible()
        shown.locator(".headline a", has_text="How this was computed").click()
        assert method.is_visible()


def test_a_word_over_the_results_is_one_click_from_its_meaning(book, browser):
    with looking.visit(browser, book.root / "reports" / "xray.html") as (shown, _):
        meaning = shown.locator("#term-auroc dd")
        assert not meaning.is_visible()
        shown.locator("#plate-results a.term", has_text="AUROC").click()
        assert meaning.is_visible()
        assert "guessing" in meaning.inner_text()
