"""Make the HTML of a notebook's cells fit to stand on a page of ours.

nbconvert hands over whatever the cells printed: tables without roles, several titles, sometimes scripts or
pictures that lie elsewhere. Here nothing that would leave the page stays, headings get anchors and a contents
list, and what may be wider than a phone gets a box that scrolls.
"""

import re
from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag

from scanbook.report import glossary

_OUTSIDE_CSS = re.compile(r"@import[^;]*;?|url\(\s*['\"]?(?!data:|#)[^)]*\)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−–]?[\d.,  ]*\d ?(%|e[-+]?\d+)?( to .*| ?\(.*\))?|[-+−]?(nan|inf)|–|-", re.IGNORECASE)
_SENTENCE = 48  # letters of a cell that would become a tower of words on a phone
_GONE = ("script", "link", "iframe", "object", "embed", "base", "meta", "form", "noscript")
_NBCONVERT_ALT = "No description has been provided for this image"
_SOURCES = ("src", "srcset", "poster", "background", "data")


@dataclass(frozen=True)
class Entry:
    """One line of the contents list; level is 2 or 3."""

    level: int
    anchor: str
    text: str


def tidy(html: str, *, titled: bool = False) -> tuple[str, list[Entry]]:
    """Body HTML made safe and readable, and its contents list.

    titled  the page brings its own title, so the first h1 goes; otherwise it stays and is the only one

    The result loads nothing: scripts go, pictures and styles from elsewhere are replaced by a note.
    """
    soup = BeautifulSoup(html, "html.parser")
    _take_out_what_leaves(soup)
    _fold(soup)
    entries = _headings(soup, titled)
    for table in soup.find_all("table"):
        _table(soup, table)
    glossary.link(soup)
    for span in soup.select("pre.output span[style]"):
        del span["style"]  # a terminal's own colours; on a dark page some cannot be read
    for pre in soup.find_all("pre"):
        pre["tabindex"] = "0"  # reachable by keyboard where it scrolls; the page's script drops it elsewhere
    for image in soup.find_all("img"):
        if image.get("alt") in (None, _NBCONVERT_ALT):
            image["alt"] = "Picture without a description"
        image["decoding"] = "async"
    return str(soup), entries


def has_title(html: str) -> bool:
    """Whether the HTML brings an h1 of its own."""
    return re.search(r"<h1[\s>]", html) is not None


def _take_out_what_leaves(soup: BeautifulSoup) -> None:
    for output in soup.select("div.output"):
        had_script = output.find(("script", "iframe", "object", "embed")) is not None
        for tag in output.find_all(_GONE):
            tag.decompose()
        if had_script and not output.get_text(strip=True) and not output.find(("img", "svg", "table")):
            output.append(_note(soup, "An interactive output stood here; it needs scripts, which this page has not."))
    for tag in soup.find_all(_GONE):
        tag.decompose()
    for style in soup.find_all("style"):
        if style.has_attr("scoped"):  # pandas sends the same rules with every table; ours replace them
            style.decompose()
        elif style.string:
            style.string = _OUTSIDE_CSS.sub("", str(style.string))
    for tag in soup.find_all(True):
        for name in [name for name in tag.attrs if name.startswith("on")]:
            del tag[name]
        if "style" in tag.attrs:
            tag["style"] = _OUTSIDE_CSS.sub("none", str(tag["style"]))
        if str(tag.get("href", "")).strip().lower().startswith("javascript:"):
            del tag["href"]
        for name in _SOURCES:
            if name in tag.attrs and not str(tag[name]).strip().startswith("data:"):
                _leave_out(soup, tag, name)
                break


def _leave_out(soup: BeautifulSoup, tag: Tag, name: str) -> None:
    if tag.name not in ("img", "source", "video", "audio", "input", "image"):
        del tag[name]
        return
    shown = str(tag.get("alt") or str(tag[name]).rsplit("/", 1)[-1])[:80]
    tag.replace_with(_note(soup, f"Left out, because it lies outside this page: {shown}"))


def _note(soup: BeautifulSoup, text: str) -> Tag:
    note = soup.new_tag("span", attrs={"class": "note"})
    note.string = text
    return note


def _fold(soup: BeautifulSoup) -> None:
    """Outputs of a cell tagged `fold`: behind one line, named by the cell or by its first plate."""
    for box in soup.select("[data-fold]"):
        title = str(box.attrs.pop("data-fold"))
        found = (box.select_one(place) for place in ("figcaption strong", "caption", "figcaption"))
        label = next((tag for tag in found if tag is not None), None)
        summary = soup.new_tag("summary")
        summary.string = title or (label.get_text(" ", strip=True).rstrip(".")[:90] if label else "More")
        details = soup.new_tag("details", attrs={"class": "fold"})
        box.wrap(details)
        details.insert(0, summary)


def _headings(soup: BeautifulSoup, titled: bool) -> list[Entry]:
    entries: list[Entry] = []
    taken = {str(tag["id"]) for tag in soup.find_all(id=True)}
    if titled and soup.h1 is not None:
        soup.h1.decompose()
    for head in soup.find_all(("h1", "h2", "h3", "h4", "h5", "h6")):
        if head.name == "h1":
            if titled:
                head.name = "h2"
            titled = True
        text = head.get_text(" ", strip=True)
        if not head.get("id"):
            head["id"] = _anchor(text, taken)
        if head.name in ("h2", "h3") and text and head.find_parent(("details", "figure", "table")) is None:
            entries.append(Entry(int(head.name[1]), str(head["id"]), text))
    return entries


def _anchor(text: str, taken: set[str]) -> str:
    base = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "part"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name)
    return name


def _table(soup: BeautifulSoup, table: Tag) -> None:
    for name in ("border", "cellpadding", "cellspacing"):
        table.attrs.pop(name, None)
    settled = table.find_parent(class_="plate") is not None  # our own tables align whole columns
    for row in table.find_all("tr"):
        row.attrs.pop("style", None)
        in_head = row.find_parent("thead") is not None
        for cell in row.find_all(("th", "td"), recursive=False):
            text = cell.get_text(" ", strip=True)
            if cell.name == "th":
                if not text and not cell.find("img"):
                    cell.name = "td"  # an empty header names nothing
                    cell.attrs.pop("scope", None)
                elif not cell.get("scope"):
                    cell["scope"] = "col" if in_head else "row"
            elif not settled and not cell.get("class") and text and _NUMBER.fullmatch(text):
                cell["class"] = "num"
            elif len(text) > _SENTENCE and not cell.get("class"):
                cell["class"] = "words"
    _align_heads(table)
    if table.find_parent(class_=("table-scroll", "plate-scroll", "scroll")) is None:
        before = table.find_previous(("h1", "h2", "h3", "figcaption", "summary"))
        caption = table.find("caption") or before
        label = caption.get_text(" ", strip=True)[:80] if caption else "numbers"
        box = soup.new_tag(
            "div", attrs={"class": "table-scroll", "tabindex": "0", "role": "region", "aria-label": f"Table: {label}"}
        )
        table.wrap(box)


def _align_heads(table: Tag) -> None:
    """A column's head stands over its numbers: to the right where the first row below does."""
    body = table.select_one("tbody tr")
    heads = table.select("thead tr")
    if body is None or not heads:
        return
    below = body.find_all(("th", "td"), recursive=False)
    above = heads[-1].find_all(("th", "td"), recursive=False)
    if len(below) != len(above):
        return
    for head, cell in zip(above, below, strict=True):
        if "num" in (cell.get("class") or []) and not head.get("class"):
            head["class"] = "num"
