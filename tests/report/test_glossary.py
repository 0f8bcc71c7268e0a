"""Words one click away: heads of tables lead to a definition where the page has one, and nowhere else."""

import pandas as pd
from bs4 import BeautifulSoup

from scanbook.report.glossary import TERMS, anchor, glossary
from scanbook.report.markup import tidy
from scanbook.report.plates import show_table

SCORES = pd.DataFrame({"network": ["ResNet-18"], "AUROC": ["0.9"], "sensitivity": ["0.8"], "F1": ["0.7"], "bytes": [3]})


def page(*parts):
    return BeautifulSoup(tidy("".join(parts))[0], "html.parser")


def test_a_head_leads_to_its_word():
    soup = page(show_table(SCORES, "Scores.")._repr_html_(), glossary().html)
    links = {a.text: a["href"] for a in soup.select("thead a.term")}
    assert links == {"AUROC": "#term-auroc", "sensitivity": "#term-sensitivity", "F1": "#term-f1"}
    for place in links.values():
        assert soup.select_one(f".glossary {place}") is not None


def test_without_a_glossary_no_head_leads_anywhere():
    assert page(show_table(SCORES, "Scores.")._repr_html_()).select("a.term") == []


def test_every_word_has_a_place_of_its_own_and_is_short():
    assert len({anchor(t.word) for t in TERMS}) == len(TERMS)
    assert [t.word.lower() for t in TERMS] == sorted(t.word.lower() for t in TERMS)
    assert max(len(t.meaning) for t in TERMS) < 300
