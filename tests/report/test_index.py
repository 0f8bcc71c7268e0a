import pandas as pd
import pytest
from bs4 import BeautifulSoup
from report import browser as looking

from scanbook.report.cells import THEME
from scanbook.report.index import write_index
from scanbook.report.style import FAMILIES

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def card(name, **changes):
    rows = [
        {"network": "ResNet-18", "role": "resnet", "auroc": 0.91, "low": 0.86, "high": 0.95},
        {"network": "VGG-16-BN", "role": "vgg", "auroc": 0.89, "low": 0.83, "high": 0.94},
    ]
    return {
        "name": name,
        "title": name.title(),
        "question": "Which network?",
        "badge": "phantoms",
        "picture": PIXEL,
        "counts": "480 images, 160 patients",
        "rows": rows,
        "verdict": "Cannot tell.",
        "claim": "The source claims 92 % accuracy.",
        "href": f"{name}.html",
        "state": "done",
        "reason": "",
    } | changes


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    matrix = pd.DataFrame(
        [
            ("ResNet-18", "heart", 0.912, 0.861, 0.953),
            ("VGG-16-BN", "heart", 0.894, 0.832, 0.941),
            ("ResNet-18", "lung", 0.55, 0.41, 0.68),
        ],
        columns=["network", "set", "auroc", "low", "high"],
    )
    cards = [
        card("heart"),
        card("fetal", state="failed", href="fetal.failed.html", reason="code cell 7 of 22: ValueError: <no number>"),
        card("lung", state="missing"),
    ]
    path = tmp_path_factory.mktemp("index") / "index.html"
    return write_index(cards, matrix, path, intro="Five assignments.", badge="phantoms", summary="summary.html")


@pytest.fixture(scope="module")
def soup(index):
    return BeautifulSoup(index.read_text(encoding="utf-8"), "html.parser")


def test_a_finished_card_shows_counts_intervals_verdict_claim_and_leads_to_its_page(soup):
    done = soup.select_one("#card-heart")
    text = done.get_text(" ", strip=True)
    for words in ("phantoms", "480 images", "0.91 (0.86 to 0.95)", "0.89", "Cannot tell.", "92 %"):
        assert words in text
    assert done.h2.a["href"] == "heart.html"
    assert done.img["src"] == PIXEL


def test_the_drawn_interval_lies_where_the_numbers_say(soup):
    bar = soup.select_one("#card-heart .tone-resnet i")["style"]
    assert bar == "left:72.0%;width:18.0%"  # 0.86 to 0.95 on a track from 0.5 to 1


def test_a_failed_card_says_why_and_leads_to_the_failure_page(soup):
    state = soup.select_one("#card-fetal .state")
    assert "ValueError: <no number>" in state.text
    assert state.a["href"] == "fetal.failed.html"
    assert soup.select_one("#card-fetal .verdict") is None


def test_a_killed_notebook_is_not_shown_as_done_and_leads_beside_its_page(tmp_path):
    path = write_index([card("heart", state="killed", reason="signal 9")], None, tmp_path / "index.html")
    state = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one(".card.failed .state")
    assert "Killed. signal 9" in state.text
    assert state.a["href"] == "heart.failed.html"


def test_a_score_that_is_not_known_is_a_dash_without_a_dot(tmp_path):
    row = {"network": "VGG", "role": "vgg", "auroc": None, "low": None, "high": None}
    matrix = pd.DataFrame([{"network": "VGG", "set": "heart", "auroc": None, "low": None, "high": None}])
    path = write_index([card("heart", rows=[row])], matrix, tmp_path / "index.html")
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    assert page.select_one(".scale .num:not(th)").text == "– (no interval)"
    assert page.select_one(".scale b, .scale i") is None
    assert page.select_one(".matrix td.none").text == "–"


def test_a_card_that_never_ran_says_so_and_leads_nowhere(soup):
    missing = soup.select_one("#card-lung")
    assert "Not run yet" in missing.text
    assert missing.find("a") is None


def test_the_matrix_has_a_cell_a_network_and_set_and_a_dash_for_none(soup):
    table = soup.select_one("table.matrix")
    assert [head.text for head in table.select("thead th")] == ["heart", "lung"]
    rows = {row.th.text: [cell.get_text(" ") for cell in row.find_all("td")] for row in table.select("tbody tr")}
    assert rows["ResNet-18"] == ["0.912 0.861 to 0.953", "0.550 0.410 to 0.680"]
    assert rows["VGG-16-BN"] == ["0.894 0.832 to 0.941", "–"]


def test_nearer_to_one_is_a_deeper_colour(soup):
    steps = [cell["class"][0] for cell in soup.select("table.matrix tbody tr:first-child td")]
    assert steps == ["s4", "s0"]


def test_a_picture_that_would_be_a_request_is_refused(tmp_path):
    with pytest.raises(ValueError, match="embed it"):
        write_index([card("heart", picture="heart.png")], None, tmp_path / "index.html")


def test_an_unknown_state_is_refused(tmp_path):
    with pytest.raises(ValueError, match="known: done, failed, killed, interrupted, missing"):
        write_index([card("heart", state="ok")], None, tmp_path / "index.html")


def test_an_index_without_scores_is_written_all_the_same(tmp_path):
    path = write_index([card("heart", state="missing", picture="")], None, tmp_path / "index.html")
    assert "Not run yet" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"size": looking.PHONE}])
def test_the_index_is_quiet_accessible_and_never_wider_than_the_window(browser, index, look):
    with looking.visit(browser, index, **look) as (page, seen):
        assert looking.axe(page) == []
        assert looking.sideways(page) <= 0
        assert seen.requests + seen.errors == []


def test_resnet_and_vgg_have_the_colours_of_the_figures():
    sheet = (THEME / "page.css").read_text(encoding="utf-8")
    assert f"--resnet: {FAMILIES['resnet']}; --vgg: {FAMILIES['vgg']};" in sheet
