"""One notebook is executed once for all page tests, and one browser opened."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from report import demo

from scanbook.report import pages
from scanbook.report.execute import run_notebook
from scanbook.report.provenance import as_html, collect, known_roots, scrubber

TOKEN = "tok-5f2c9a81"


@pytest.fixture(scope="session")
def demo_page(tmp_path_factory):
    """The notebook with every kind of output: outcome, executed notebook, page and its HTML."""
    folder = tmp_path_factory.mktemp("demo")
    lines: list[str] = []
    outcome = run_notebook(
        demo.everything(folder / "heart.ipynb"),
        folder / "run" / "heart.ipynb",
        {"profile": "quick"},
        cwd=folder,
        env={"DEMO_TOKEN": TOKEN},
        on_line=lines.append,
    )
    assert outcome.status == "done", outcome.error
    roots = known_roots(Path(__file__).parents[2]) | {folder: "‹folder›"}
    clean = scrubber(roots, environ={"DEMO_TOKEN": TOKEN})
    page = pages.render(
        outcome.executed,
        folder / "heart.html",
        title="Heart ultrasound",
        badge="phantoms",
        provenance_html=as_html(collect(threads=2), command="make report-heart"),
        clean=clean,
    )
    html = page.read_text(encoding="utf-8")
    return SimpleNamespace(outcome=outcome, folder=folder, page=page, html=html, lines=lines)
