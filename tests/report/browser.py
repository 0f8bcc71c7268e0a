"""A browser for the page tests: the distribution's Chromium, and what a page did while it was looked at."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ARGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class Seen:
    """Requests that left the page and errors on its console."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def launched() -> Iterator:
    """A running Chromium, or a skipped test where the machine has none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on the PATH: page tests need the distribution's package `chromium`")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGS))
        yield browser
        browser.close()


@contextmanager
def visit(
    browser, path: Path, *, size=DESKTOP, dark: bool = False, media: str = "screen", scripts: bool = True
) -> Iterator:
    """Open an HTML file; yields the page and what it asked for and complained about."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        offline=True,
    )
    page, seen, own = context.new_page(), Seen(), path.resolve().as_uri()
    page.on("request", lambda r: seen.requests.append(r.url) if outside(r.url, own) else None)
    page.on("console", lambda m: seen.errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: seen.errors.append(str(e)))
    page.emulate_media(media=media, color_scheme="dark" if dark else "light")
    page.goto(own)
    try:
        yield page, seen
    finally:
        context.close()


def expect(locator):
    """Assertions that wait for what the page does a moment later."""
    from playwright.sync_api import expect

    return expect(locator)


def outside(url: str, own: str) -> bool:
    return not url.startswith(("data:", "about:", "blob:")) and url.split("#")[0] != own


def axe(page) -> list[str]:
    """What axe's WCAG A and AA rules find: one line a broken rule, with the first elements."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "tag", "values": list(RULES)}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{v['id']}: {[node['html'][:160] for node in v['nodes'][:3]]}" for v in found]


def sideways(page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def bottom(page, selector: str) -> float:
    """Where the first such element ends, in pixels from the top of the page."""
    box = page.locator(selector).first.bounding_box()
    return box["y"] + box["height"]
