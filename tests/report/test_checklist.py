"""The reporting lists: nothing is green unless somebody said so, and every number of the source is there."""

import re

import pytest
from bs4 import BeautifulSoup

from scanbook.report.checklist import CLAIM, HUMAN, LEAKAGE, MET, Answer, checklist


def states(prose):
    soup = BeautifulSoup(prose.html, "html.parser")
    return {row.th.text: row.find_all("td")[1].text for row in soup.select("tbody tr")}


def test_a_topic_that_nobody_answered_needs_a_human():
    assert set(states(checklist({})).values()) == {HUMAN}


def test_an_answer_stands_at_its_topic_with_its_link():
    prose = checklist({"flow": Answer(MET, "8 of 9 files", "plate-flow")})
    found = states(prose)
    assert found["Who was taken in and who was left out, in numbers"] == MET
    assert list(found.values()).count(MET) == 1
    assert 'href="#plate-flow"' in prose.html
    assert "1 met, 29 needs a human, of 30 topics" in prose.text


def test_claims_44_items_and_the_eight_kinds_of_leakage_are_all_there_once():
    numbers = []
    for topic in CLAIM:
        for part in topic.numbers.split(", "):
            ends = [int(n) for n in re.findall(r"\d+", part)]
            numbers += range(ends[0], ends[-1] + 1)
    assert sorted(numbers) == list(range(1, 45))
    assert [t.numbers for t in LEAKAGE] == ["L1.1", "L1.2", "L1.3", "L1.4", "L2", "L3.1", "L3.2", "L3.3"]


@pytest.mark.parametrize("answers", [{"colour": Answer(MET, "")}, {"flow": Answer("probably", "")}])
def test_an_unknown_topic_or_state_is_refused(answers):
    with pytest.raises(ValueError, match="known"):
        checklist(answers)


def test_words_of_a_file_name_are_no_markup():
    assert "<b>" not in checklist({"source": Answer(MET, "<b>x</b>")}).html
