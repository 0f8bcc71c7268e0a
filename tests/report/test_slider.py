"""The threshold's slider: what it counts is what the scores say, and without it the chosen threshold stands there."""

import json

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from report import browser as looking

from scanbook.report import pages
from scanbook.report.slider import Moved, Slider

RNG = np.random.default_rng(4)
ILL, WELL = RNG.normal(1.5, 2, (2, 30)), RNG.normal(-1.5, 2, (2, 50))  # two seeds


def moved(key="resnet", name="ResNet-18", shift=0.0, chosen=0.25):
    ill, well = ILL + shift, WELL + shift
    found, alarmed = (ill >= chosen).sum(1).mean(), (well >= chosen).sum(1).mean()
    counts = {"true_positives": found, "false_negatives": 30 - found, "false_positives": alarmed,
              "true_negatives": 50 - alarmed}  # fmt: skip
    rates = {"sensitivity": (found / 30, 0.61, 0.97), "specificity": (1 - alarmed / 50, np.nan, np.nan)}
    return Moved(key, name, ill, well, [chosen], 1 / (1 + np.exp(-chosen)), counts, rates, "working_point")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    shown = Slider([moved(), moved("vgg", "VGG-16-BN", 0.7, -0.4)], "PNEUMONIA", "NORMAL & others")
    output = nbformat.v4.new_output("display_data", data=shown._repr_mimebundle_())
    cell = nbformat.v4.new_code_cell("show.slider(study)", outputs=[output], execution_count=1)
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Chest"), cell])
    return pages.render(nb, tmp_path_factory.mktemp("slider") / "page.html", title="Chest")


def cells(page, key):
    found = page.locator(f'[data-network="{key}"] [data-cell]').all_text_contents()
    return [float(text) for text in found]


def test_without_scripts_the_chosen_threshold_stands_and_no_dead_control(browser, page_file):
    with looking.visit(browser, page_file, scripts=False) as (page, _):
        assert page.locator("input[type=range]").count() == 0
        assert cells(page, "resnet")[0] == pytest.approx((ILL >= 0.25).sum(1).mean())
        assert "chosen on validation" in page.locator(".threshold-at").first.text_content()
        assert "0.610–0.970" in page.locator("[data-rate=sensitivity]").first.text_content()


@pytest.mark.parametrize("steps", [-30, 7])
def test_the_keyboard_moves_both_matrices_to_what_the_scores_say(browser, page_file, steps):
    with looking.visit(browser, page_file) as (page, seen):
        control = page.get_by_label("Threshold", exact=True)
        control.focus()
        for _ in range(abs(steps)):
            page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")
        odds = float(control.input_value())
        for key, shift in (("resnet", 0.0), ("vgg", 0.7)):
            found, alarmed = ((scores + shift >= odds).sum(1).mean() for scores in (ILL, WELL))
            assert cells(page, key) == pytest.approx([found, 30 - found, alarmed, 50 - alarmed], abs=0.051)
            rate = page.locator(f'[data-network="{key}"] [data-rate=sensitivity]').text_content()
            assert float(rate) == pytest.approx(found / 30, abs=0.0006)
        said = control.get_attribute("aria-valuetext")
        assert "ResNet-18: sensitivity" in said
        assert "VGG-16-BN: sensitivity" in said
        assert "picked by hand" in page.locator(".threshold-at").first.text_content()
        assert not seen.errors
        assert not seen.requests


def test_one_press_brings_the_chosen_thresholds_back_and_so_does_printing(browser, page_file):
    with looking.visit(browser, page_file) as (page, _):
        before = page.locator(".threshold-networks").inner_html()
        back = page.get_by_role("button", name="Back to the chosen thresholds")
        assert back.is_disabled()
        for undo in (back.click, lambda: page.evaluate("dispatchEvent(new Event('beforeprint'))")):
            page.get_by_label("Threshold", exact=True).press("End")
            assert cells(page, "vgg")[0] < 5
            undo()
            assert page.locator(".threshold-networks").inner_html() == before


@pytest.mark.parametrize("look", [{}, {"size": looking.PHONE, "dark": True}])
def test_the_slider_keeps_the_rules_of_access_and_fits_a_phone(browser, page_file, look):
    with looking.visit(browser, page_file, **look) as (page, seen):
        page.get_by_label("Threshold", exact=True).press("ArrowRight")
        page.evaluate("scrollTo(0, 0)")
        assert looking.axe(page) == []
        assert looking.sideways(page) <= 0
        assert not seen.errors


def test_on_paper_there_is_no_control(browser, page_file):
    with looking.visit(browser, page_file, media="print") as (page, _):
        assert not page.locator(".threshold-control").is_visible()
        assert page.locator("[data-cell]").first.is_visible()


def test_the_scores_travel_sorted_rounded_and_without_names(page_file):
    box = BeautifulSoup(page_file.read_text(encoding="utf-8"), "html.parser").select_one(".threshold")
    for one in json.loads(box["data-threshold"]):
        assert set(one) == {"key", "name", "seeds", "ill", "well", "chosen"}
        assert one["ill"] == sorted(one["ill"])
        assert (len(one["ill"]), len(one["well"])) == (60, 100)
        assert all(abs(score) < 10 for score in one["ill"] + one["well"])


def test_every_first_number_names_its_row_of_scores_csv(page_file):
    box = BeautifulSoup(page_file.read_text(encoding="utf-8"), "html.parser").select_one(".threshold")
    for name in ("true_positives", "true_negatives", "sensitivity", "threshold"):
        assert box.select_one(f'[data-src="scores.csv:vgg:{name}:test:working_point"]'), name
    assert "sensitivity 0." in str(Slider([moved()], "PNEUMONIA", "NORMAL"))
