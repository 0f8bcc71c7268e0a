"""All assignments at one glance, from the tables that their notebooks have left.

Nothing is trained or scored here: what an assignment has not recorded is named as missing.
"""

import functools
import json
from html import escape
from pathlib import Path

import pandas as pd

from scanbook import params, record, reports
from scanbook.claims import why_not
from scanbook.metrics.verdicts import signed
from scanbook.names import MAIN, PAIR, pretty
from scanbook.record import RULE
from scanbook.report import figures
from scanbook.report import provenance as origin
from scanbook.report.plates import Plate, show_table
from scanbook.report.words import Prose, cited
from scanbook.trials import trial as trial


class Book:
    """The experiments of one profile and the records found for them.

    experiments  name -> Experiment, in the order of the index
    records      name -> {facts, scores, comparisons}; only where the assignment has been run
    """

    def __init__(self, root: Path, profile: str) -> None:
        self.root, self.profile = root, profile
        names = reports.notebooks(root)
        self.experiments = {n: params.load(root / "params" / f"{n}.yaml", profile) for n in names}
        found = {n: record.read(root, n, profile) for n in names}
        self.records = {n: tables for n, tables in found.items() if tables is not None}

    def __repr__(self) -> str:
        return f"{len(self.records)} of {len(self.experiments)} assignments recorded under profile {self.profile}"

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """scores.csv of every recorded assignment, with the assignment's title."""
        return self._all("scores")

    @functools.cached_property
    def comparisons(self) -> pd.DataFrame:
        """comparisons.csv of every recorded assignment, with the assignment's title."""
        return self._all("comparisons")

    def _all(self, table: str) -> pd.DataFrame:
        if not self.records:
            raise ValueError(f"no assignment has been run under profile {self.profile!r}: "
                             f"make reports PROFILE={self.profile}")  # fmt: skip
        parts = [t[table].assign(title=self.experiments[n].title, name=n) for n, t in self.records.items()]
        return pd.concat(parts, ignore_index=True)


def open_summary(profile: str = "sample") -> Book:
    """The records of all assignments under one profile.

    Raises ParamsError for an unknown profile.
    """
    return Book(params.root(), profile)


def headline(book: Book) -> Prose:
    """Over all assignments: how often one of ResNet and VGG was better, and how often nobody can tell."""
    pair = record.pair(book.comparisons)
    counted = pair["verdict"].value_counts()
    said = {"better": "ResNet was better", "worse": "VGG was better", "equivalent": "the two were equivalent",
            "cannot tell": "nobody can tell"}  # fmt: skip
    parts = [f"{words} in {counted[verdict]}" for verdict, words in said.items() if verdict in counted]
    sentence = f"ResNet against VGG in {len(pair)} assignments: {', '.join(parts)}."
    phantoms = any(e.phantoms for e in book.experiments.values())
    html = (f'<section class="headline" aria-label="The answer in short"><p class="badge">'
            f'{escape(reports.badge(book.profile, phantoms))}</p>'
            f'<p class="answer" data-src="comparisons.csv">{escape(sentence)}</p></section>')  # fmt: skip
    return Prose(html, sentence)


def forest(book: Book) -> Plate:
    """The paired difference ResNet minus VGG in every assignment, with interval, margin and verdict."""
    pair = record.pair(book.comparisons)
    table = pair.assign(question=pair["title"])
    words = "; ".join(f"{r.title} {signed(r.difference)}: {r.verdict}" for r in pair.itertuples())
    columns = ["title", "a", "b", "difference", "low", "high", "margin", "p_holm", "n_groups", "verdict"]
    caption = ("AUROC of ResNet minus AUROC of VGG on the same test images, 95 % interval; the band is the margin within "
               "which a difference does not matter.")  # fmt: skip
    return Plate(figures.differences_forest(table), caption, f"{words}.", pair[columns], title="ResNet minus VGG",
                 key="forest", src="comparisons.csv")  # fmt: skip


def standings(book: Book) -> Plate:
    """Accuracy of ResNet and VGG in every assignment, with what others report of other networks as marks."""
    rows, marks = [], []
    for name, tables in book.records.items():
        e = book.experiments[name]
        for arm in PAIR:
            row = record.score(tables["scores"], arm, "accuracy")
            if row is not None:
                rows.append({"assignment": e.title, "network": pretty(row["network"]), **row[
                    ["value", "low", "high", "n_images", "n_groups"]]})  # fmt: skip
        marks += [{"assignment": e.title, "claim": c.value, "comparable": not why_not(e, c), "kind": c.kind,
                   "not comparable because": why_not(e, c)}
                  for c in e.claims if c.value is not None and c.metric == "accuracy"]  # fmt: skip
    table, claimed = pd.DataFrame(rows), pd.DataFrame(marks)
    words = "; ".join(f"{r.assignment}, {r.network}: {r.value:.3f}" for r in table.itertuples())
    open_ones = 0 if claimed.empty else int((~claimed["comparable"]).sum())
    caption = ("Accuracy on the test part, 95 % interval. A diamond is what others report, of their own networks; it is "
               f"hollow where it measures something else than this page: {open_ones} of {len(claimed)} here.")  # fmt: skip
    both = pd.concat([table, claimed.rename(columns={"claim": "reported"})], ignore_index=True)
    return Plate(figures.assignment_forest(table, claimed if len(claimed) else None), caption, f"{words}.", both,
                 title="ResNet, VGG and what others report", key="standings", src="scores.csv, params")  # fmt: skip


def leakage(book: Book) -> Plate:
    """What is left of a score when groups are kept apart: the smallest network and the 1-NN rule, every assignment."""
    rows, claimed = [], []
    for name, e in book.experiments.items():
        table = book.records.get(name, {}).get("scores")
        if table is None or not all(e.lesson.get(role) in e.arms for role in ("as_source", "honest")):
            continue
        dealt_by, kept = (e.arms[e.lesson[role]] for role in ("as_source", "honest"))
        neighbour = f"{RULE}neighbour"
        for words, dealt, apart in ((pretty(kept.network), dealt_by.name, kept.name),
                                    ("1-NN rule", f"{neighbour}_{dealt_by.scheme}", neighbour)):  # fmt: skip
            first, second = (record.score(table, arm, "accuracy") for arm in (dealt, apart))
            if first is not None and second is not None:
                rows.append({"assignment": e.title, "network": words, "dealt": first["value"], "apart": second["value"],
                             "low": second["low"], "high": second["high"], "n_images": second["n_images"],
                             "n_groups": second["n_groups"]})  # fmt: skip
        claimed += [{"assignment": e.title, "claim": c.value} for c in e.claims
                    if c.value is not None and c.metric == "accuracy" and c.kind != "recorded"][:1]  # fmt: skip
    found = pd.DataFrame(rows)
    caption = ("Accuracy of one network and one rule, first with images dealt one by one, then with groups kept apart; the "
               "rule copies the label of the most similar training thumbnail.")  # fmt: skip
    if any(e.phantoms for e in book.experiments.values()):
        caption += " Phantoms: the diamonds are claims about patients and cannot be compared."
    words = "; ".join(f"{r.assignment}, {r.network}: {r.dealt:.3f} and {r.apart:.3f}" for r in found.itertuples())
    return Plate(figures.leakage_arrows(found, pd.DataFrame(claimed) if claimed else None), caption, f"{words}.", found,
                 title="What leakage is worth", key="leakage", src="scores.csv")  # fmt: skip


def claims(book: Book) -> Plate:
    """Claimed, as the source split, honest: one row an assignment."""
    rows = []
    for name, e in book.experiments.items():
        row: dict[str, object] = {"assignment": e.title}
        row["claimed"] = next((c.words for c in e.claims if c.kind == "claimed"), "none stated")
        row["usually published"] = next((c.words for c in e.claims if c.kind == "published"), "")
        for words, role in (("images dealt one by one", "as_source"), ("kept apart", "honest")):
            table = book.records.get(name, {}).get("scores")
            found = None if table is None else record.score(table, e.lesson.get(role, ""), "accuracy")
            row[f"{words}: accuracy"] = cited(found)
        rows.append(row)
    caption = "Accuracy of the smallest network under two splits, beside what was claimed of other networks."
    if any(e.phantoms for e in book.experiments.values()):
        caption += " Phantoms: not comparable with any claim."
    return show_table(pd.DataFrame(rows), caption, title="Claimed, as the source split, honest", key="claims",
                      src="scores.csv, params")  # fmt: skip


def matrix(book: Book) -> Plate:
    """Networks by assignments: AUROC on the test part with its interval."""
    scores = record.of_variant(book.scores)
    lessons = [(n, arm) for n, e in book.experiments.items() for arm in e.lesson.values() if arm != "source"]
    lessons += [(n, arm) for n, e in book.experiments.items() for arm, settings in e.arms.items() if settings.aside]
    found = scores[(scores["metric"] == "auroc") & (scores["split"] == "test")]
    found = found[~found["arm"].str.startswith(RULE)]
    found = found[[(n, a) not in lessons for n, a in zip(found["name"], found["arm"], strict=True)]]
    found = found.drop_duplicates(["title", "network"])
    table = pd.DataFrame({"assignment": found["title"], "network": found["network"].map(pretty), "value": found["value"],
                          "low": found["low"], "high": found["high"]})  # fmt: skip
    caption = (
        f"AUROC on the test part, {table['network'].nunique()} networks, {table['assignment'].nunique()} assignments."
    )
    table = table.reset_index(drop=True)
    words = "; ".join(f"{r.assignment}, {r.network}: {r.value:.3f}" for r in table.itertuples())
    return Plate(figures.network_set_matrix(table), caption, f"{words}.", table, title="Networks and sets", key="matrix",
                 src="scores.csv", least=560)  # fmt: skip


def costs(book: Book) -> Plate:
    """Parameters, file size, training time and speed of ResNet and VGG in every assignment."""
    rows = []
    for name, tables in book.records.items():
        facts = tables["facts"].set_index("key")["value"]
        for arm in MAIN:
            if f"{arm}_parameters" in facts:
                rows.append({
                    "assignment": book.experiments[name].title, "network": pretty(book.experiments[name].arms[arm].network),
                    "parameters, millions": facts[f"{arm}_parameters"] / 1e6,
                    "file, MB": facts[f"{arm}_megabytes"], "training, s": facts[f"{arm}_seconds"],
                    "images/s": facts[f"{arm}_images_per_second"],
                    "AUROC": cited(record.score(tables["scores"], arm, "auroc")),
                })  # fmt: skip
    return show_table(pd.DataFrame(rows), f"{len(rows)} networks; times on this machine, side by side with other work.",
                      title="Quality beside cost", key="costs", src="facts.csv")  # fmt: skip


def verdicts(book: Book) -> Plate:
    """Every comparison of every assignment, in words."""
    c = book.comparisons
    table = pd.DataFrame(
        {"assignment": c["title"], "question": c["question"], "answer": c["sentence"], "p (Holm)": c["p_holm"]}
    )
    return show_table(table, f"{len(table)} comparisons; p corrected within each assignment.", title="Verdicts",
                      key="verdicts", src="comparisons.csv")  # fmt: skip


def missing(book: Book) -> Plate:
    """Assignments without a record, runs that failed, and arms that only another profile trains."""
    rows = []
    for name, e in book.experiments.items():
        if name not in book.records:
            rows.append(
                {"assignment": e.title, "missing": "the whole page", "why": f"not run under profile {book.profile}"}
            )
            continue
        facts = book.records[name]["facts"].set_index("key")["value"]
        if facts["n_runs_done"] < facts["n_runs"]:
            rows.append({"assignment": e.title, "missing": f"{facts['n_runs'] - facts['n_runs_done']:.0f} runs",
                         "why": "failed; the page says why"})  # fmt: skip
        full = params.load(book.root / "params" / f"{name}.yaml", "full")
        if left := [arm for arm in full.arms if arm not in e.arms]:
            rows.append({"assignment": e.title, "missing": ", ".join(left), "why": "arms of the full profile"})
    table = pd.DataFrame(rows or [{"assignment": "all", "missing": "nothing", "why": ""}])
    return show_table(
        table, "What this profile leaves out, by name.", title="Not run", key="missing", src="facts.csv, params"
    )


def provenance(book: Book) -> Plate:
    """The command, and what each page took."""
    extra = {"command": f"make reports PROFILE={book.profile}", "profile": book.profile}
    for name in book.experiments:
        file = record.folder_of(book.root, name, book.profile) / "page.json"
        if file.exists():
            page = json.loads(file.read_text(encoding="utf-8"))
            extra[f"{name}, last page"] = f"{page['state']}, {page['seconds']:.0f} s"
    facts = origin.collect(root=book.root, extra=extra)
    table = pd.DataFrame({"what": list(facts), "value": [str(v) for v in facts.values()]})
    return show_table(table, "What made this page; the first row makes it again.", title="Provenance", key="provenance")
