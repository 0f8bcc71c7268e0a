"""From an executed notebook to one HTML file that needs nothing else.

The page is nbconvert's base template filled in by `theme/notebook`, cleaned by `markup` and set into
`theme/shell.html.j2`. A content-security policy inside the page forbids every load from elsewhere, so "no
request leaves it" is kept by the browser too.

What a notebook may use in its HTML outputs (the style sheet knows these classes):

    section.headline     the box of the first screen, aria-label "The answer in short"; in it, in this order:
      p.badge            "phantoms": what the images are, where that must not be overlooked
      p.question         the question in a sentence
      p.answer           the answer in one sentence; numbers in span.number with data-src
      div.plates         one or more figure.plate side by side, below one another on a phone
      dl.numbers         div > dt + dd: a few numbers that matter (patients, cost, seconds)
    figure.plate         a Plate; figcaption; details.plate-table with its numbers
    p.say                a sentence with numbers; span.number
    div.table-scroll     a box in which a wide table scrolls (bare tables get one)

Cell tags: `parameters` and `injected-parameters` become one quiet line; `hide` leaves the cell out, `hide-input`
its code, `hide-output` its outputs; `fold` puts the outputs behind one line named by the cell's metadata
`summary` or by its first plate.
"""

import base64
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from scanbook.report.cells import cells_html, cut, prepared
from scanbook.report.markup import Entry, has_title, tidy
from scanbook.report.outcome import NotebookError

THEME = Path(__file__).parent / "theme"
LIMIT = 5_000_000
FOOTNOTE = "Made by scanbook from a notebook. For teaching and method checks; not a medical device."


def render(
    executed: Path | Any,
    out: Path,
    *,
    title: str,
    badge: str = "",
    provenance_html: str = "",
    clean: Callable[[str], str] | None = None,
    home: str = "index.html",
) -> Path:
    """Write the page of a notebook that ran well, and take away a failure page of an earlier try.

    executed         an .ipynb file or a NotebookNode
    out              the HTML file; replaced whole or not at all
    badge            a few words beside the title wherever it stands, for example "phantoms, not patients"
    provenance_html  from `provenance.as_html`; stands at the foot
    clean            from `provenance.scrubber`; put over everything that reaches the page
    home             the page that the name at the top leads to; empty for none

    Raises ValueError when the page would be larger than 5 MB, naming its largest outputs.
    """
    nb = prepared(executed, clean)
    body, contents = tidy(cells_html(nb))
    if not has_title(body):
        body = f"<h1>{escape(title)}</h1>\n{body}"
    html = shell(title, body, badge=badge, contents=contents, provenance=provenance_html, home=home, switch=True)
    html = clean(html) if clean else html
    _check_size(html, out, nb)
    write_whole(out, html)
    failure_path(out).unlink(missing_ok=True)
    return out


def failure_path(out: Path) -> Path:
    """Where the failure page of the page `out` stands: reports/heart.html → reports/heart.failed.html."""
    return out.with_name(f"{out.stem}.failed{out.suffix}")


def render_failure(
    executed: Path | Any | None,
    out: Path,
    *,
    title: str,
    error: NotebookError,
    badge: str = "",
    provenance_html: str = "",
    clean: Callable[[str], str] | None = None,
    home: str = "index.html",
) -> Path:
    """Write `out`'s failure page: the error on top, below it what had run; `out` itself is not touched.

    executed  the notebook as far as it ran; None where nothing could be written
    error     from `execute.run_notebook`

    Returns the path of the failure page. The other arguments are those of `render`.
    """
    parts = [f"<h1>{escape(title)}: the notebook stopped</h1>", _error_box(error)]
    if out.exists():
        when = f'The <a href="{escape(out.name)}">last good page</a> is older and has been left as it was.'
        parts.append(f'<p class="say">{when}</p>')
    contents: list[Entry] = []
    if executed is not None:
        nb, left = cut(executed)
        body, contents = tidy(cells_html(prepared(nb, clean)), titled=True)
        below = f"{left} code cell{'s' * (left != 1)} below it did not run." if left else "It was the last cell."
        parts += [f'<h2 id="before">What had run before</h2><p class="say">{below}</p>', body]
        contents = [Entry(2, "before", "What had run before"), *contents]
    page = "\n".join(parts)
    html = shell(
        f"{title}: stopped", page, badge=badge, contents=contents, provenance=provenance_html, home=home, switch=True
    )
    html = clean(html) if clean else html
    if len(html.encode()) > LIMIT:  # the error matters more than what came before it
        html = shell(f"{title}: stopped", "\n".join(parts[:2]), badge=badge, provenance=provenance_html, home=home)
        html = clean(html) if clean else html
    write_whole(failure_path(out), html)
    return failure_path(out)


def shell(
    title: str,
    body: str,
    *,
    badge: str = "",
    contents: Iterable[Entry] = (),
    provenance: str = "",
    home: str = "",
    switch: bool = False,
    kind: str = "report",
    lang: str = "en",
) -> str:
    """`body` (HTML with one h1) as a whole page: bar, contents list, main part, foot, style and script."""
    css, early, script, template = _theme()
    hashes = " ".join(f"'sha256-{_digest(code)}'" for code in (early, script))
    return str(
        template.render(
            title=title,
            badge=badge,
            body=body,
            contents=list(contents),
            provenance=provenance,
            home=home,
            switch=switch,
            kind=kind,
            lang=lang,
            css=css,
            early=early,
            script=script,
            footnote=FOOTNOTE,
            policy="default-src 'none'; img-src data:; media-src data:; font-src data:; "
            f"style-src 'unsafe-inline'; script-src {hashes}; base-uri 'none'; form-action 'none'",
        )
    )


def write_whole(out: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@cache
def _theme() -> tuple[str, str, str, Any]:
    import jinja2

    early = (THEME / "early.js").read_text(encoding="utf-8").strip()
    sheets = (THEME / "page.css", *sorted(file for file in THEME.glob("*.css") if file.name != "page.css"))
    css = "\n".join(file.read_text(encoding="utf-8").strip() for file in sheets)
    late = (THEME / "page.js", *sorted(file for file in THEME.glob("*.js") if file.name not in ("early.js", "page.js")))
    script = "\n".join(file.read_text(encoding="utf-8").strip() for file in late)
    loader = jinja2.FileSystemLoader(THEME)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return css, early, script, environment.get_template("shell.html.j2")


def _digest(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def _error_box(error: NotebookError) -> str:
    where = f"Code cell {error.cell} of {error.cells}." if error.cell else "No cell had started."
    said = f"{error.name}: {error.message}" if error.message else error.name
    parts = [f'<p class="what">{escape(said)}</p>', f"<p>{where}</p>"]
    if error.source.strip():
        parts.append(f'<pre tabindex="0">{escape(error.source)}</pre>')
    if error.traceback:
        lines = escape("\n".join(error.traceback))
        parts.append(f'<details open><summary>What Python said</summary><pre tabindex="0">{lines}</pre></details>')
    return f'<section class="failure" aria-label="Error">{"".join(parts)}</section>'


def _check_size(html: str, out: Path, nb: Any) -> None:
    size = len(html.encode())
    if size <= LIMIT:
        return
    weights = []
    for number, cell in enumerate((c for c in nb.cells if c.cell_type == "code"), start=1):
        weight = sum(len(str(part)) for o in cell.get("outputs", []) for part in (o.get("data") or o).values())
        weights.append((weight, number))
    largest = ", ".join(f"code cell {n} ({w / 1e6:.1f} MB)" for w, n in sorted(weights, reverse=True)[:3])
    raise ValueError(
        f"{out.name}: the page would be {size / 1e6:.1f} MB, allowed are {LIMIT / 1e6:.0f} MB; "
        f"largest outputs: {largest}; show fewer or smaller pictures there"
    )
