"""A plate: a figure with its caption, its alternative text and its numbers, in a notebook as on a page.

What a picture shows must not be lost on those who do not see it, and every curve should be checkable, so a
figure never travels alone. The card is light in both themes (see `style`); the picture is data inside the
page.
"""

import base64
import io
import re
import sys
from html import escape
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from .style import paper
from .words import Prose, Value, say, table_html, tidy

__all__ = ["Plate", "Prose", "Value", "say", "show_table", "slug", "svg", "webp"]

DPI = 96
PHOTO_BYTES = 150_000
KINDS = ("line", "photo")
TRIM: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.08}


class Plate:
    """One figure (or none), what it says in words, and the table behind it.

    figure     matplotlib Figure, PIL image, or None for a table alone; a figure is drawn once and then closed
    caption    what is to be seen, with n; plain text
    alt        the picture in words, from the numbers; needed wherever there is a figure
    table      the numbers behind the figure, folded on the page
    kind       "line": drawn as SVG; "photo": as WebP, for photographs
    title      a few words above the caption; also names the table
    key        anchor: the figure's id is plate-KEY
    src        the file that the table's numbers come from, e.g. scores.csv
    least      pixels below which a wide picture is scrolled sideways rather than shrunk; 0: it always shrinks
    """

    def __init__(
        self,
        figure: Figure | Image.Image | None,
        caption: str,
        alt: str = "",
        table: pd.DataFrame | None = None,
        kind: str = "line",
        title: str = "",
        key: str = "",
        *,
        src: str = "",
        least: int = 0,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"Plate: kind {kind!r}; known: {', '.join(KINDS)}")
        if figure is None and table is None:
            raise ValueError("Plate: neither figure nor table; give at least one")
        if figure is not None and not alt.strip():
            raise ValueError("Plate: a figure needs alt, the picture in words; write it from the numbers")
        if not caption.strip():
            raise ValueError("Plate: empty caption; say what is to be seen, and n")
        self.caption, self.alt, self.table, self.kind = caption, alt, table, kind
        self.title, self.key, self.src, self.least = title, slug(key), src, least
        self.picture = b""
        if isinstance(figure, Image.Image):
            self.mime, self.picture, self.size = "image/webp", webp(figure), figure.size
        elif figure is not None:
            draw = svg if kind == "line" else _photograph
            self.mime = "image/svg+xml" if kind == "line" else "image/webp"
            self.picture, self.size = draw(figure)
            _close(figure)

    def _repr_html_(self) -> str:
        name = f' id="plate-{self.key}"' if self.key else ""
        parts = [f'<figure class="plate{"" if self.picture else " plate-of-numbers"}"{name}>']
        if self.picture:
            parts.append(self._image())
        elif self.table is not None:
            parts.append(table_html(self.table, self.label, self.src))
        title = f"<strong>{escape(self.title)}.</strong> " if self.title else ""
        parts.append(f"<figcaption>{title}{escape(self.caption)}</figcaption>")
        if self.picture and self.table is not None:
            table = table_html(self.table, self.label, self.src)
            parts.append(f'<details class="plate-table"><summary>The numbers</summary>{table}</details>')
        return "\n".join([*parts, "</figure>"])

    def _image(self) -> str:
        data = base64.b64encode(self.picture).decode()
        width, height = self.size
        # white behind and a little air around, also in a notebook, where no style sheet of ours is at work
        look = f"background:#fff;max-width:{'none' if self.least else '100%'};height:auto;border-radius:6px"
        if self.least:
            look += f";width:100%;min-width:{min(self.least, width)}px"
        image = (
            f'<img src="data:{self.mime};base64,{data}" alt="{escape(self.alt)}" '
            f'width="{width}" height="{height}" style="{look}">'
        )
        if not self.least:
            return image
        return (
            f'<div class="plate-scroll" tabindex="0" role="region" aria-label="{escape(self.label)}" '
            f'style="overflow-x:auto">{image}</div>'
        )

    @property
    def label(self) -> str:
        """Short name of the plate: its title, or the first sentence of the caption."""
        return self.title or re.split(r"(?<=[.:;])\s", self.caption)[0].rstrip(".:;")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [f"{self.title}. {self.caption}" if self.title else self.caption]
        if self.picture:
            lines.append(self.alt)
        if self.table is not None:
            lines.append(tidy(self.table).head(12).to_string(index=False))
        return "\n".join(lines)


def show_table(table: pd.DataFrame, caption: str, *, title: str = "", key: str = "", src: str = "") -> Plate:
    """A plate without a figure: the table stands open."""
    return Plate(None, caption, table=table, title=title, key=key, src=src)


def svg(figure: Figure) -> tuple[bytes, tuple[int, int]]:
    """The figure as SVG, cut to what is drawn, and its (width, height) in pixels of the page.

    Without date or software and with coordinates to two places: two runs give the same bytes.
    """
    buffer = io.StringIO()
    with paper(figure.get_size_inches()[0]):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, **TRIM)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # only glyphs and clips are referred to, and they are no groups
    text = re.sub(r'(?<= d=")[^"]*', lambda path: _shorten(path.group()), text)
    text = re.sub(r'(?<= points=")[^"]*|(?<= [xy]=")[^"]*', lambda path: _shorten(path.group()), text)
    points = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', text)
    assert points is not None  # matplotlib writes both, always
    width, height = (round(float(points.group(n)) * DPI / 72) for n in (1, 2))
    return re.sub(r"\n\s*", "\n", text).encode(), (width, height)


def webp(image: Image.Image, limit: int = PHOTO_BYTES) -> bytes:
    """The image as WebP at quality 80, or at the highest quality (by tens, down to 30) that fits `limit`
    bytes.
    """
    data = b""
    for quality in range(80, 20, -10):
        buffer = io.BytesIO()
        image.convert("L" if image.mode == "L" else "RGB").save(buffer, "WEBP", quality=quality, method=4)
        data = buffer.getvalue()
        if len(data) <= limit:
            break
    return data


def slug(key: str) -> str:
    """Letters, digits and dashes only: what an anchor may hold."""
    return re.sub(r"[^A-Za-z0-9]+", "-", key).strip("-")


def _photograph(figure: Figure) -> tuple[bytes, tuple[int, int]]:
    buffer = io.BytesIO()
    with paper(figure.get_size_inches()[0]):
        figure.savefig(buffer, format="png", dpi=2 * DPI, **TRIM)
    buffer.seek(0)
    image = Image.open(buffer)
    return webp(image), (image.width // 2, image.height // 2)


def _close(figure: Figure) -> None:
    """Forget the figure; one that pyplot knows would otherwise be shown a second time by the notebook."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    figure.clear()


def _shorten(numbers: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n.group()):.2f}".rstrip("0").rstrip("."), numbers)
