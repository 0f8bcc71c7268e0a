import nbformat
import pytest
from bs4 import BeautifulSoup
from report import browser as looking

from scanbook.report import pages
from scanbook.report.outcome import NotebookError

LOOKS = {
    "desktop": {},
    "dark": {"dark": True},
    "phone": {"size": looking.PHONE},
    "dark phone": {"size": looking.PHONE, "dark": True},
}


@pytest.fixture(scope="module")
def soup(demo_page):
    return BeautifulSoup(demo_page.html, "html.parser")


def page_of(tmp_path, *cells, **options):
    nb = nbformat.v4.new_notebook(cells=list(cells))
    out = pages.render(nb, tmp_path / "page.html", title="A page", **options)
    return BeautifulSoup(out.read_text(encoding="utf-8"), "html.parser")


def cell_with(output, source="show()", **metadata):
    return nbformat.v4.new_code_cell(source, outputs=[output], execution_count=1, metadata=metadata)


def shown(tmp_path, kind, value, **extra):
    output = nbformat.v4.new_output("display_data", data={kind: value, **extra})
    return page_of(tmp_path, cell_with(output)).main


def pictures(soup, kind):
    return [image for image in soup.find_all("img") if image["src"].startswith(f"data:{kind};base64,")]


# Every kind of output appears


def test_standard_output_appears_with_its_colours_and_without_overwritten_lines(soup):
    text = soup.select_one("pre.stream:not(.stderr)")
    assert "the whole way" in text.text
    assert "half way" not in text.text
    assert text.select_one(".ansi-green-fg").text == "train loss 0.31"


def test_standard_error_appears(soup):
    assert soup.select_one("pre.stderr").text.strip() == "a word of warning"


def test_a_pandas_table_appears_with_numbers_to_the_right_and_scopes(soup):
    table = soup.find("table", class_="dataframe")
    assert table.find("th", string="ResNet-18") or table.find("td", string="ResNet-18")
    assert "num" in table.find("td", string="0.9123")["class"]
    assert {head.get("scope") for head in table.select("thead th")} == {"col"}
    assert table.get("border") is None


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/svg+xml", "image/webp"])
def test_a_picture_appears_as_data_with_an_alternative_text(soup, kind):
    found = pictures(soup, kind)
    assert found
    assert all(image["alt"] for image in found)


def test_a_pictures_own_alternative_text_is_kept(soup):
    assert pictures(soup, "image/png")[0]["alt"] == "A dark grey field, drawn as PNG"


def test_html_markdown_latex_and_json_appear(soup):
    assert soup.select_one("p.say .number").text == "0.912"
    assert soup.select_one(".output.prose strong").text == "from a cell"
    assert r"\leq 1" in soup.select_one("pre.latex").text
    assert '"threshold": 0.37' in soup.text


def test_a_widget_falls_back_to_its_text(soup):
    assert "IntSlider(value=3)" in soup.text


def test_an_output_of_unknown_type_is_named(soup):
    assert "application/x-strange" in soup.text


def test_a_plain_result_appears(tmp_path):
    assert "42" in shown(tmp_path, "text/plain", "42").text


def test_an_error_appears_with_its_traceback(tmp_path):
    output = nbformat.v4.new_output(
        "error", ename="ValueError", evalue="too dark", traceback=["\x1b[31mValueError\x1b[39m: too dark"]
    )
    main = page_of(tmp_path, cell_with(output)).main
    assert main.select_one("pre.error .ansi-red-fg").text == "ValueError"
    assert "too dark" in main.text


def test_an_interactive_figure_shows_the_picture_it_brought_along(tmp_path):
    main = shown(tmp_path, "text/html", "<script>draw()</script>", **{"image/png": "iVBORw0KGgo="})
    assert pictures(main, "image/png")


def test_the_markdown_of_cells_appears_with_highlighted_code(soup):
    assert soup.find("blockquote").strong.text == "One image per class, untouched."
    assert soup.select_one(".prose .highlight .k").text == "for"


# What a reader does not need is folded or gone


def test_code_is_folded_behind_one_switch(soup):
    codes = soup.select("details.code")
    assert len(codes) > 5
    assert not any(code.has_attr("open") for code in codes)
    assert soup.select_one(".switch input[type=checkbox]")


def test_hidden_cells_and_hidden_code_stay_away(soup):
    assert "nobody sees this" not in soup.text
    assert "secret = 41" not in soup.text
    assert "hidden input" in soup.text


def test_the_two_parameter_cells_become_one_line_with_the_values_that_held(soup):
    lines = soup.select("details.parameters summary")
    assert len(lines) == 1
    assert [code.text for code in lines[0].find_all("code")] == ["params = 'params/heart.yaml'", "profile = 'quick'"]


def test_a_cell_tagged_fold_stands_behind_its_title(soup):
    fold = soup.select_one("details.fold")
    assert fold.summary.text == "The same, folded"
    assert fold.find("table")


# The frame


def test_there_is_one_title_and_the_others_become_headings(soup):
    assert [head.text for head in soup.find_all("h1")] == ["Heart ultrasound: a weak or a healthy heart?"]
    assert soup.find("h2", string="A second title")


def test_a_notebook_without_a_title_gets_the_pages(tmp_path):
    assert page_of(tmp_path, nbformat.v4.new_markdown_cell("words")).h1.text == "A page"


def test_every_line_of_the_contents_leads_to_its_own_heading(soup):
    links = soup.select("nav.contents a")
    targets = [soup.find(id=link["href"][1:]) for link in links]
    assert [link.text for link in links] == [target.get_text(" ", strip=True) for target in targets]
    assert len({link["href"] for link in links}) == len(links) > 5


def test_the_badge_stands_in_the_title_and_the_bar(soup):
    assert "phantoms" in soup.title.text
    assert soup.select_one("header .badge").text == "phantoms"


def test_language_viewport_and_landmarks_are_there(soup):
    assert soup.html["lang"] == "en"
    assert "width=device-width" in soup.find("meta", attrs={"name": "viewport"})["content"]
    assert all(soup.find(name) for name in ("header", "nav", "main", "footer"))
    assert soup.select_one("a.skip")["href"] == "#main"


def test_the_foot_says_how_the_page_was_made(soup):
    foot = soup.select_one("#provenance").text
    assert "make report-heart" in foot
    assert "python" in foot


# Nothing leaves the page


def test_scripts_styles_and_pictures_from_elsewhere_are_gone_and_said_to_be(soup):
    main = soup.main
    outputs = " ".join(str(output) for output in main.select(".output"))
    assert not main.find_all(("script", "link", "iframe"))
    assert not main.find_all(onclick=True)
    assert "example.org" not in outputs
    for words in ("a far picture", "kept words", "needs scripts"):
        assert words in outputs


def test_no_path_name_or_token_of_this_machine_is_in_the_page(demo_page):
    assert str(demo_page.folder) not in demo_page.html
    assert "tok-5f2c9a81" not in demo_page.html
    assert "in ‹folder› for ‹secret›" in demo_page.html


def test_a_page_over_five_megabytes_is_refused_and_the_last_good_one_kept(tmp_path):
    page_of(tmp_path, nbformat.v4.new_markdown_cell("the good one"))
    with pytest.raises(ValueError, match=r"page.html: the page would be 6\.\d MB.*code cell 1 \(6\.0 MB\)"):
        shown(tmp_path, "image/png", "A" * 6_000_000)
    assert "the good one" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_rendering_leaves_the_notebook_as_it_was(demo_page, tmp_path):
    nb = nbformat.read(demo_page.outcome.executed, as_version=4)
    before = nbformat.writes(nb)
    pages.render(nb, tmp_path / "again.html", title="Again")
    assert nbformat.writes(nb) == before


# The failure page


def failed(tmp_path, clean=None):
    cells = [nbformat.v4.new_markdown_cell("# Heart"), cell_with(nbformat.v4.new_output("stream", text="loaded\n"))]
    cells.append(nbformat.v4.new_code_cell("1 / 0", execution_count=2))
    cells.append(nbformat.v4.new_code_cell("never()"))
    nb = nbformat.v4.new_notebook(cells=cells, metadata={"scanbook": {"status": "failed", "stopped_at": 2}})
    error = NotebookError(2, 3, "1 / 0", "ZeroDivisionError", "division by zero", ["Traceback", "  1 / 0"])
    return pages.render_failure(nb, tmp_path / "heart.html", title="Heart", error=error, clean=clean)


def test_a_failure_page_has_the_error_on_top_and_below_what_ran(tmp_path):
    path = failed(tmp_path)
    text = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").main.get_text(" ", strip=True)
    assert path.name == "heart.failed.html"
    assert text.index("ZeroDivisionError: division by zero") < text.index("Code cell 2 of 3") < text.index("loaded")
    assert "1 code cell below it did not run" in text
    assert "never()" not in text


def test_a_failure_leaves_the_last_good_page_and_links_to_it(tmp_path):
    good = tmp_path / "heart.html"
    good.write_text("good", encoding="utf-8")
    page = BeautifulSoup(failed(tmp_path).read_text(encoding="utf-8"), "html.parser")
    assert good.read_text(encoding="utf-8") == "good"
    assert page.find("a", string="last good page")["href"] == "heart.html"


def test_the_next_success_takes_the_failure_page_away(tmp_path):
    path = failed(tmp_path)
    pages.render(nbformat.v4.new_notebook(), tmp_path / "heart.html", title="Heart")
    assert not path.exists()


def test_a_failure_without_any_notebook_still_gets_a_page(tmp_path):
    error = NotebookError(0, 0, "", "OSError", "no space left", [])
    path = pages.render_failure(None, tmp_path / "x.html", title="X", error=error)
    assert "OSError: no space left" in path.read_text(encoding="utf-8")


# In a browser


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_is_quiet_accessible_and_never_wider_than_the_window(browser, demo_page, look):
    with looking.visit(browser, demo_page.page, **LOOKS[look]) as (page, seen):
        page.mouse.wheel(0, 4000)
        assert seen.requests == []
        assert looking.axe(page) == []
        assert looking.sideways(page) <= 0
        assert seen.errors == []


@pytest.mark.parametrize("size", [looking.DESKTOP, looking.PHONE])
def test_the_headline_and_its_figure_are_in_the_first_screen(browser, demo_page, size):
    with looking.visit(browser, demo_page.page, size=size) as (page, _):
        assert looking.bottom(page, ".headline .answer") < size[1]
        assert looking.bottom(page, "#plate-resnet-vgg figcaption") < size[1]


def test_with_everything_unfolded_the_page_still_passes(browser, demo_page):
    with looking.visit(browser, demo_page.page, size=looking.PHONE, dark=True) as (page, _):
        page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
        assert looking.axe(page) == []
        assert looking.sideways(page) <= 0


def test_one_switch_opens_and_closes_all_code(browser, demo_page):
    with looking.visit(browser, demo_page.page) as (page, _):
        codes = page.locator("details.code:not(.parameters)")
        assert not codes.first.is_visible()  # not even a line that says there is some
        page.locator(".switch input").check()
        assert codes.first.locator("pre").is_visible()
        assert page.evaluate("document.querySelectorAll('details.code:not(.parameters)[open]').length") > 5
        page.locator(".switch input").uncheck()
        assert not codes.first.is_visible()


def test_the_contents_stand_open_beside_a_wide_page_and_folded_above_a_narrow_one(browser, demo_page):
    for size, visible in ((looking.DESKTOP, True), (looking.PHONE, False)):
        with looking.visit(browser, demo_page.page, size=size) as (page, _):
            assert page.locator("nav.contents a").first.is_visible() is visible


def test_without_scripts_everything_is_there_and_code_opens_one_by_one(browser, demo_page):
    with looking.visit(browser, demo_page.page, scripts=False) as (page, _):
        assert page.locator("nav.contents a").first.is_visible()
        assert not page.locator(".switch").is_visible()
        code = page.locator("details.code:not(.parameters)").first
        code.locator("summary").click()
        assert code.locator("pre").is_visible()


def test_dark_is_dark(browser, demo_page):
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    with looking.visit(browser, demo_page.page, dark=True) as (page, _):
        assert max(page.evaluate(shade)) < 60
    with looking.visit(browser, demo_page.page) as (page, _):
        assert min(page.evaluate(shade)) > 230


def test_print_is_light_without_code_and_navigation_and_breaks_no_figure(browser, demo_page):
    with looking.visit(browser, demo_page.page, dark=True, media="print") as (page, _):
        for gone in ("details.code", "nav.contents", ".switch"):
            assert not page.locator(gone).first.is_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('.plate')).breakInside") == "avoid"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_failure_page_passes_in_the_browser_too(browser, tmp_path):
    path = failed(tmp_path)
    for look in ("dark", "phone"):
        with looking.visit(browser, path, **LOOKS[look]) as (page, seen):
            assert looking.axe(page) == []
            assert looking.sideways(page) <= 0
            assert seen.requests + seen.errors == []
