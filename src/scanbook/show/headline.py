"""The first cell: what the page found, filled by the last one.

A display handle is put where the reader starts and filled when everything is known; with it go the record's three
tables and the card from which the index is made.
"""

import json
import os
from html import escape
from typing import Any

from IPython.display import HTML, display

from scanbook import cards, claims, record
from scanbook.names import MAIN, PAIR, pretty
from scanbook.report.words import Prose, short_interval
from scanbook.reports import badge
from scanbook.show.charts import confusions, versus
from scanbook.show.integrity import shortcut
from scanbook.show.pictures import card_picture
from scanbook.show.searching import seeds
from scanbook.show.tables import say
from scanbook.study import Study


def headline(study: Study) -> None:
    """Put the headline's place on the page: badge and question now, the answer when `conclude` is called."""
    waiting = '<p class="answer">The answer stands here when the notebook has run to its end.</p>'
    study.handle = display(HTML(_html(study, waiting)), display_id=f"headline-{study.experiment.name}")


def conclude(study: Study) -> Prose:
    """Write facts.csv, scores.csv, comparisons.csv and the index's card, and fill the headline.

    Returns the sentence that says where the tables lie.
    """
    folder = record.write(study)
    cards.write(study, folder)
    text = json.dumps(card(study), indent=1)
    (folder / "card.json.new").write_text(text, encoding="utf-8")
    os.replace(folder / "card.json.new", folder / "card.json")
    if study.handle is not None:
        study.handle.update(HTML(_html(study, _answer(study))))
    return say(study, "{n_runs_done} of {n_runs} runs stand behind this page; its numbers are kept in "
                      "facts.csv, scores.csv and comparisons.csv beside them.")  # fmt: skip


def _html(study: Study, inside: str) -> str:
    e = study.experiment
    return (f'<section class="headline" aria-label="The answer in short">'
            f'<p class="badge">{escape(badge(e.profile, e.phantoms))}</p>'
            f'<p class="question">{escape(e.question)}</p>{inside}</section>')  # fmt: skip


def _answer(study: Study) -> str:
    warning = shortcut(study)
    parts = [f'<p class="note" data-src="scores.csv">{escape(warning)}.</p>'] if warning else []
    parts.append(f'<p class="answer" data-src="comparisons.csv">{escape(verdict(study))}</p>')
    arms = study.done_arms(*PAIR)
    if arms:
        plates = [versus(study, key="headline-versus"), confusions(study, arms, key="headline-confusions")]
        parts.append(f'<div class="plates">{"".join(plate._repr_html_() for plate in plates)}</div>')
    numbers = "".join(_cost(study, arm) for arm in arms)
    parts.append(
        f'<dl class="numbers">{numbers}</dl><p class="say" data-src="scores.csv, params">{escape(claim(study))} '
        f'<a href="#how">How this was computed</a></p>'
    )
    return "".join(parts)


def answer(study: Study) -> Prose:
    """The verdict on ResNet against VGG, and the smallest difference this test part could have shown."""
    text = " ".join(filter(None, (verdict(study), shown(study))))
    again = seeds(study)
    return Prose(f'<p class="say" data-src="comparisons.csv">{escape(text)}</p>{again.html}', f"{text}\n{again.text}")


def shown(study: Study) -> str:
    """What the test part could have shown between ResNet and VGG; empty where the comparison has no interval."""
    first = record.pair(study.comparisons)
    if first.empty or not first.iloc[0]["detectable"] >= 0:
        return ""
    row = first.iloc[0]
    return (f"A test part like this one shows a true difference of {row['detectable']:.3f} in four of five repetitions, "
            f"and smaller ones less often.")  # fmt: skip


def _cost(study: Study, arm: str) -> str:
    facts = study.facts.set_index("key")["value"]
    millions, seconds = facts[f"{arm}_parameters"] / 1e6, facts[f"{arm}_seconds"]
    return (f'<div><dt>{escape(study.label_of(arm))}</dt><dd><span class="number" data-src="facts.csv:{arm}_parameters">'
            f'{millions:.1f}</span> M parameters, <span class="number" data-src="facts.csv:{arm}_seconds">{seconds:.0f}'
            f'</span> s of training</dd></div>')  # fmt: skip


def verdict(study: Study) -> str:
    """The page's first sentence: ResNet against VGG, in the judge's words."""
    first = record.pair(study.comparisons)
    if first.empty:
        missing = [arm for arm in PAIR if arm not in study.done_arms()]
        return f"ResNet against VGG cannot be told: no finished run of {' and '.join(missing)}."
    return f"{first.iloc[0]['sentence']}."


def claim(study: Study) -> str:
    """What the source claims, and what the source's own network reaches here, as far as the two can be compared."""
    stated = next((c for c in study.experiment.claims if c.kind == "claimed"), None)
    if stated is None or stated.value is None or stated.metric is None:
        return "Claim: " + (stated.words if stated else "none stated") + "."
    said = next((c["sentence"] for c in claims.judged(study) if c["words"] == stated.words), None)
    return said or f"Claim: {stated.words}; the source's network has no finished run here."


def card(study: Study) -> dict[str, Any]:
    """What the index shows of this page."""
    facts = study.facts.set_index("key")["value"]
    unit = study.experiment.data.unit
    rows, matrix = [], []
    for arm in study.done_arms():
        row = record.score(study.scores, arm, "auroc")
        aside = arm in study.experiment.lesson.values() or study.experiment.arms[arm].aside
        if row is None or (aside and arm not in MAIN):
            continue
        entry = {
            "network": pretty(study.experiment.arms[arm].network), "role": arm, "auroc": _plain(row["value"]),
            "low": _plain(row["low"]), "high": _plain(row["high"]), "text": short_interval(row),
        }  # fmt: skip
        matrix.append(entry)
        if arm in PAIR:
            rows.append(entry)
    return {
        "picture": card_picture(study),
        "counts": f"{facts['n_images']:.0f} images of {facts['n_groups']:.0f} {unit}, {facts['n_test_groups']:.0f} tested",
        "rows": rows, "matrix": matrix, "verdict": verdict(study), "claim": claim(study),
    }  # fmt: skip


def _plain(value: float) -> float | None:
    return None if value != value else float(value)
