"""The first page of the reports: a card an assignment, and every network on every set in one table."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from scanbook.report.pages import failure_path, shell, write_whole

_STEPS = (0.6, 0.7, 0.8, 0.9, 0.95)
_STATES = {
    "done": "",
    "failed": "Failed.",
    "killed": "Killed.",
    "interrupted": "Interrupted.",
    "missing": "Not run yet.",
}


def write_index(
    cards: Sequence[Mapping[str, Any]],
    matrix: pd.DataFrame | None,
    out: Path,
    *,
    title: str = "Five assignments, run again",
    intro: str = "",
    badge: str = "",
    summary: str = "",
    provenance_html: str = "",
) -> Path:
    """Write reports/index.html.

    cards    one mapping an assignment, in order: name, title, question, badge, picture (data URI or ""), counts
             (text), rows ([{network, role, auroc, low, high}], role resnet, vgg or source), verdict, claim, href
             (of the page; its failure page is taken to lie beside it), state (how `run_notebook` ended it, or
             "missing"), reason (of a failure); whatever is missing is left out, and so is a score that is None
    matrix   columns network, set, auroc, low, high (and n_groups, where known), one row a trained network and
             set; both orders are those of first appearance
    intro    a paragraph in plain text
    summary  link of the summary page, "" for none

    Raises ValueError for an unknown state and for a picture that is no data URI (it would be a request).
    """
    listing = "\n".join(_card(card) for card in cards)
    parts = [f"<h1>{escape(title)}</h1>"]
    parts += [f'<p class="say">{escape(intro)}</p>'] if intro else []
    parts.append(f'<ul class="cards">{listing}</ul>')
    if matrix is not None and len(matrix):
        parts.append(_matrix(matrix))
    if summary:
        parts.append(f'<p class="say"><a href="{escape(summary)}">All assignments in one summary</a></p>')
    body = "\n".join(parts)
    write_whole(out, shell(title, body, badge=badge, kind="index", provenance=provenance_html))
    return out


def _card(card: Mapping[str, Any]) -> str:
    state = card.get("state", "done")
    if state not in _STATES:
        raise ValueError(f"card {card.get('name')!r}: state {state!r}; known: {', '.join(_STATES)}")
    picture = str(card.get("picture") or "")
    if picture and not picture.startswith("data:image/"):
        raise ValueError(f"card {card.get('name')!r}: the picture is no data:image/… URI; embed it")
    title, href = escape(str(card.get("title") or card["name"])), str(card.get("href") or "")
    if href and state not in ("done", "missing") and not href.endswith(".failed.html"):
        href = failure_path(Path(href)).as_posix()
    href = escape(href)
    head = f'<a href="{href}">{title}</a>' if href and state != "missing" else title
    photo = f'<img class="photo" src="{picture}" alt="" width="640" height="360">' if picture else ""
    tags = [f'<span class="badge">{escape(str(card["badge"]))}</span>'] if card.get("badge") else []
    tags += [f'<span data-src="facts.csv">{escape(str(card["counts"]))}</span>'] if card.get("counts") else []
    parts = [f"<h2>{head}</h2>"]
    parts += [f'<p class="tags">{" ".join(tags)}</p>'] if tags else []
    parts += [f'<p class="question">{escape(str(card["question"]))}</p>'] if card.get("question") else []
    if state == "missing":
        parts.append(f'<p class="state">{escape(str(card.get("reason") or _STATES[state]))}</p>')
    elif state != "done":
        link = f' <a href="{href}">What happened</a>' if href else ""
        reason = escape(str(card.get("reason") or "The notebook stopped."))
        parts.append(f'<p class="state"><strong>{_STATES[state]}</strong> {reason}{link}</p>')
    else:
        parts += [_scale(card["rows"], str(card.get("title") or card["name"]))] if card.get("rows") else []
        parts += (
            [f'<p class="verdict" data-src="comparisons.csv">{escape(str(card["verdict"]))}</p>']
            if card.get("verdict")
            else []
        )
        parts += (
            [f'<p class="claim" data-src="scores.csv, params">{escape(str(card["claim"]))}</p>']
            if card.get("claim")
            else []
        )
    name = escape(str(card["name"]))
    inside = "\n".join(parts)
    look = state if state in ("done", "missing") else "failed"
    return f'<li class="card {look}" id="card-{name}">{photo}<div class="inside">{inside}</div></li>'


def _scale(rows: Sequence[Mapping[str, Any]], title: str) -> str:
    """Networks as a table whose middle column draws value and interval between 0.5 and 1."""
    body = []
    for row in rows:
        role = row.get("role") if row.get("role") in ("resnet", "vgg", "source") else "source"
        value, low, high = (math.nan if row[key] is None else float(row[key]) for key in ("auroc", "low", "high"))
        drawing, bounds = "", "no interval"
        if value == value:
            drawing = f'<b style="left:{_place(value):.1f}%"></b>'
        if low == low and high == high:
            left, right = _place(low), _place(high)
            drawing = f'<i style="left:{left:.1f}%;width:{max(0.0, right - left):.1f}%"></i>' + drawing
            bounds = f"{_two(low)} to {_two(high)}"
        body.append(
            f'<tr><th scope="row">{escape(str(row["network"]))}</th>'
            f'<td class="track tone-{role}" aria-hidden="true"><span>{drawing}</span></td>'
            f'<td class="num" data-src="scores.csv:{escape(str(row.get("role", "")))}:auroc">{_two(value)} '
            f'<span class="small">({bounds})</span></td></tr>'
        )
    return (
        f'<table class="scale" aria-label="{escape(title)}: area under the ROC curve by network">'
        '<thead><tr><th scope="col">network</th><td class="track" aria-hidden="true"></td>'
        '<th scope="col" class="num">AUROC (95 % interval)</th></tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _place(value: float) -> float:
    """Per cent along a track that runs from 0.5 (chance) to 1."""
    return min(100.0, max(0.0, (value - 0.5) * 200))


def _two(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"


def _matrix(table: pd.DataFrame) -> str:
    sets = list(dict.fromkeys(table["set"]))
    networks = list(dict.fromkeys(table["network"]))
    scores = table.astype({"auroc": float, "low": float, "high": float}).drop_duplicates(["network", "set"])
    found = {(row.network, row.set): row for row in scores.itertuples()}
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in sets)
    body = []
    for network in networks:
        cells = "".join(_cell(found.get((network, name))) for name in sets)
        body.append(f'<tr><th scope="row">{escape(str(network))}</th>{cells}</tr>')
    return (
        '<h2 id="matrix">Every network on every set</h2>'
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Table: networks and sets">'
        '<table class="matrix"><caption>Area under the ROC curve on the test part, with its 95 % interval. '
        "Deeper colour: nearer to 1. Sets differ, so a column can be compared and a row cannot.</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(row: Any) -> str:
    if row is None or row.auroc != row.auroc:
        return '<td class="none">–</td>'
    step = sum(row.auroc >= edge for edge in _STEPS)
    between = f"<span>{row.low:.3f} to {row.high:.3f}</span>" if row.low == row.low else ""
    return f'<td class="s{step}" data-src="scores.csv">{row.auroc:.3f}{between}</td>'
