"""The quiz on a page: it works by keyboard, with and without a script, on paper, and tells nothing before it is asked."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from report import browser as looking

from scanbook.report.markup import tidy
from scanbook.report.pages import shell
from scanbook.report.quiz import quiz_html

TRUTH = ["ill", "well", "ill"]
ANSWERS = {"ResNet-18": ["ill", "well", "well"], "VGG-16-BN": ["well", "well", "well"]}
SRC = {name: f"scores.csv:{name}:quiz_accuracy" for name in ANSWERS}


def made(**changes):
    pictures = [np.full((40, 40), 60 * i, np.uint8) for i in range(1, 4)]
    table = pd.DataFrame({"image": ["Image 1", "Image 2", "Image 3"], "truth": TRUTH})
    given = {"labels": TRUTH, "answers": ANSWERS, "table": table} | changes
    return quiz_html(pictures, ["well", "ill"], key="toy", src=SRC, **given)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    file = tmp_path_factory.mktemp("quiz") / "quiz.html"
    body, _ = tidy(f"<h1>A quiz</h1>{made()}")
    file.write_text(shell("A quiz", body), encoding="utf-8")
    return file


def test_no_picture_and_no_choice_gives_the_answer_away():
    soup = BeautifulSoup(made(), "html.parser")
    soup.select_one("details").decompose()
    for field in soup.find_all("fieldset"):
        assert [i["value"] for i in field.find_all("input")] == ["well", "ill"]
        assert not field.find("input", checked=True)
        assert not {"ill", "well"} & set(field.img["alt"].split())


def test_the_networks_scores_say_where_they_stand():
    numbers = BeautifulSoup(made(), "html.parser").select(".number")
    assert [(n.text, n["data-src"]) for n in numbers] == [
        ("2 of 3", "scores.csv:ResNet-18:quiz_accuracy"), ("1 of 3", "scores.csv:VGG-16-BN:quiz_accuracy"),
    ]  # fmt: skip


def test_as_many_answers_as_pictures():
    with pytest.raises(ValueError, match="3 pictures, 2 labels"):
        made(labels=TRUTH[:2])


def test_the_keyboard_answers_and_the_reader_is_counted_beside_the_networks(page, browser):
    with looking.visit(browser, page) as (shown, seen):
        for field in shown.locator("fieldset").all():
            field.locator("input").first.focus()
            shown.keyboard.press("ArrowRight")  # from well to ill
        assert "All 3 read" in shown.locator(".quiz-you").inner_text()
        assert "right" not in shown.locator("legend").first.inner_text()  # not before the answers are open
        shown.locator(".quiz-answers summary").focus()
        shown.keyboard.press("Enter")
        assert shown.locator(".you dd").inner_text() == "2 of 3"
        # a browser tells of an opened fold a moment later: wait for what it brings
        looking.expect(shown.locator("legend")).to_have_text(["Image 1: right", "Image 2: well", "Image 3: right"])
        assert looking.axe(shown) == []
        assert (seen.requests, seen.errors) == ([], [])


def test_without_a_script_the_answers_fold_open_all_the_same(page, browser):
    with looking.visit(browser, page, scripts=False) as (shown, _):
        assert not shown.locator(".quiz-you").is_visible()
        shown.locator(".quiz-answers summary").click()
        assert "2 of 3" in shown.locator(".quiz-answers").inner_text()
        assert not shown.locator(".you").is_visible()


@pytest.mark.parametrize("look", [{"size": looking.PHONE}, {"size": looking.PHONE, "dark": True}, {"media": "print"}])
def test_it_fits_a_phone_the_dark_and_paper(page, browser, look):
    with looking.visit(browser, page, **look) as (shown, _):
        assert looking.sideways(shown) <= 0
        assert shown.locator("fieldset img").first.is_visible()
        assert look.get("media") == "print" or looking.axe(shown) == []
