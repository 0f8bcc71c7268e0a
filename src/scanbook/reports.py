"""`make reports`: execute the notebooks, render the pages, keep the index true.

Three notebooks run side by side on two cores, each with its own kernel of one thread: on small images that trains faster
than one process of two threads, while one draws another trains, and the fifth does not leave a core idle. A notebook
that fails stops nothing else, leaves the last good page alone, and is named at the end.
"""

import concurrent.futures
import contextlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scanbook import freshness, guard, params, record
from scanbook.names import command
from scanbook.report import provenance
from scanbook.report.progress import Board, duration

ASSIGNMENTS = ("heart", "artery", "xray", "fetal", "lung")  # the order of the index
SUMMARY = "summary"


@dataclass
class Result:
    """What became of one notebook: state done, unchanged, failed, killed or interrupted; where its page lies."""

    name: str
    state: str
    seconds: float
    page: Path
    reason: str = ""


def notebooks(root: Path) -> list[str]:
    """The notebooks that have a parameter file, the five in their order and then any other; summary not among them."""
    found = {p.stem for p in (root / "notebooks").glob("*.ipynb")} & {p.stem for p in (root / "params").glob("*.yaml")}
    return [n for n in ASSIGNMENTS if n in found] + sorted(found - set(ASSIGNMENTS))


def has_images(root: Path, name: str, profile: str) -> bool:
    """Whether the profile can have images of this assignment: phantoms exist for the five, not for one's own.

    A bare `make reports` is about phantoms, so it passes over a set that is not at hand; the other profiles say so.
    """
    from scanbook.phantoms import NAMES

    experiment = params.load(root / "params" / f"{name}.yaml", profile)
    if experiment.phantoms:
        return experiment.data.folder in NAMES
    return profile != "sample" or (Path(os.environ.get("DATA_DIR") or root / "data") / experiment.data.folder).is_dir()


def make_reports(
    names: list[str], profile: str, *, overrides: dict[str, dict[str, Any]] | None = None, resume: bool = False,
    jobs: int | None = None, root: Path | None = None,
) -> list[Result]:  # fmt: skip
    """Execute and render the named notebooks, then the index.

    names      assignments, and "summary", which runs when the others have ended
    profile    sample, quick or full
    overrides  assignment -> dotted keys
    resume     keep finished runs, go on with cut ones, and leave alone every page that nothing has changed for;
               otherwise everything is made again
    jobs       notebooks side by side; None: one more than there are cores, three at most, one for full

    Returns one Result a notebook. Raises ParamsError before anything runs when a parameter file cannot be followed.
    """
    root = root or params.root()
    (root / "reports").mkdir(exist_ok=True)
    for name in names:
        if name != SUMMARY:
            params.load(
                root / "params" / f"{name}.yaml", profile, (overrides or {}).get(name)
            )  # refuse all before starting one
    jobs = jobs or (1 if profile == "full" else min(3, provenance.cores() + 1))
    first = sorted((n for n in names if n != SUMMARY), key=lambda n: -_last_duration(root, n, profile))
    results: dict[str, Result] = {}
    with Board() as board, contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(jobs))
        started = time.monotonic()
        try:
            futures = {
                pool.submit(_one, root, n, profile, (overrides or {}).get(n, {}), resume, board): n for n in first
            }
            for future in concurrent.futures.as_completed(futures):
                results[futures[future]] = future.result()
                write_index(root, profile)
            if SUMMARY in names:
                results[SUMMARY] = _one(root, SUMMARY, profile, {}, resume, board)
        except KeyboardInterrupt:
            from scanbook.report.execute import stop_all

            pool.shutdown(wait=False, cancel_futures=True)
            stop_all()
            pool.shutdown(wait=True)  # each writes its failure page before the index is made
            raise
        finally:
            write_index(root, profile)
        board.say("", f"{len(names)} notebooks in {duration(time.monotonic() - started)}")
    return [results[name] for name in names]


def _one(root: Path, name: str, profile: str, overrides: dict, resume: bool, board: Board) -> Result:
    """`_made`, and a Result also where it could not do its work (a broken notebook file, a full disk)."""
    try:
        return _made(root, name, profile, overrides, resume, board)
    except Exception as error:  # whatever it is, the other notebooks go on and the end names this one
        if os.environ.get("SCANBOOK_DEBUG"):
            raise
        reason = f"{type(error).__name__}: {error}"
        board.say(name, f"failed  {reason}")
        with contextlib.suppress(OSError):
            _remember(root, name, profile, {"state": "failed", "seconds": 0.0, "reason": reason})
        return Result(name, "failed", 0.0, root / "reports" / f"{name}.failed.html", reason)


def _made(root: Path, name: str, profile: str, overrides: dict, resume: bool, board: Board) -> Result:
    """Execute one notebook in a kernel of its own and render its page, or its failure page."""
    from scanbook.report import execute, pages, scrub
    from scanbook.report.outcome import NotebookError

    values: dict[str, Any] = {"profile": profile}
    if name != SUMMARY:
        values |= {"params": f"params/{name}.yaml", "overrides": overrides}
    page = root / "reports" / f"{name}.html"
    origin = freshness.made_from(root, name, profile, overrides)
    if resume and not freshness.stale(root, name, profile, _recall(root, name, profile), origin):
        board.say(name, f"nothing has changed  reports/{page.name}")
        return Result(name, "unchanged", 0.0, page)
    tell = board.teller(name)
    tell("starting")
    with tempfile.TemporaryDirectory(prefix="scanbook-") as folder:
        outcome = execute.run_notebook(
            root / "notebooks" / f"{name}.ipynb", Path(folder) / f"{name}.ipynb", values, cwd=root / "notebooks",
            env={"SCANBOOK_FRESH": "" if resume else "1", **_absolute_folders()}, on_line=tell,
        )  # fmt: skip
        clean = scrub.scrubber(
            scrub.known_roots(root, [Path(os.environ["DATA_DIR"])] if "DATA_DIR" in os.environ else [])
        )
        provenance_html = provenance.as_html(provenance.collect(root=root), command=command(name, profile, overrides))
        about = {**_about(root, name, profile), "clean": clean, "provenance_html": provenance_html}
        says_itself = "show.provenance(" in (root / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
        state, error = outcome.status, outcome.error
        executed: Path | None = outcome.executed
        if error is None:
            try:
                check = str if name == SUMMARY else guard.of_page(root, name, profile, overrides)
                guarded = {**about, "clean": lambda text: check(clean(text))}
                pages.render(outcome.executed, page, **guarded | ({"provenance_html": ""} if says_itself else {}))
            except (ValueError, OSError) as problem:  # a page too large, a full disk: the others go on
                state, error = "failed", NotebookError(0, 0, "", type(problem).__name__, str(problem))
                executed = None if isinstance(problem, guard.NameOnPage) else executed  # nor do they stand there
        if error is not None:
            page = pages.render_failure(executed, page, error=error, **about)
    reason = "" if error is None else clean(f"{error.name}: {error.message}")
    kept = {"state": state, "seconds": round(outcome.seconds, 1), "reason": reason}
    _remember(root, name, profile, kept | (freshness.seal(root, name, profile, page, origin) if error is None else {}))
    board.say(name, f"{state} in {duration(outcome.seconds)}  reports/{page.name}  {reason}".rstrip())
    return Result(name, state, outcome.seconds, page, reason)


def _absolute_folders() -> dict[str, str]:
    """DATA_DIR and WEIGHTS_DIR as seen from here: the kernel works in notebooks/, where ../data means another place."""
    return {name: str(Path(os.environ[name]).resolve()) for name in ("DATA_DIR", "WEIGHTS_DIR") if os.environ.get(name)}


def _about(root: Path, name: str, profile: str) -> dict[str, Any]:
    """Title and badge of a page; the same words stand in the index."""
    if name == SUMMARY:
        return {"title": "Five assignments at one glance", "badge": badge(profile, profile == "sample")}
    experiment = params.load(root / "params" / f"{name}.yaml", profile)
    return {"title": experiment.title, "badge": badge(profile, experiment.phantoms)}


def badge(profile: str, phantoms: bool) -> str:
    """What a reader must know before any number: which images, which profile."""
    return f"phantoms, not patients · profile {profile}" if phantoms else f"real images · profile {profile}"


def _remember(root: Path, name: str, profile: str, kept: dict[str, Any]) -> None:
    folder = record.folder_of(root, name, profile)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "page.json.new").write_text(json.dumps(kept), encoding="utf-8")
    os.replace(folder / "page.json.new", folder / "page.json")


def _recall(root: Path, name: str, profile: str) -> dict[str, Any]:
    file = record.folder_of(root, name, profile) / "page.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"state": "missing", "seconds": 0.0}


def why(root: Path, name: str, profile: str, overrides: dict[str, Any]) -> list[str]:
    """Why `make reports RESUME=1` would make this page again, a sentence each; empty when it would not."""
    origin = freshness.made_from(root, name, profile, overrides)
    return freshness.stale(root, name, profile, _recall(root, name, profile), origin)


def _last_duration(root: Path, name: str, profile: str) -> float:
    """Seconds the notebook took last time, so that the longest starts first; heart is the longest at first sight."""
    return _recall(root, name, profile)["seconds"] or (2.0 if name == "heart" else 1.0)


def write_index(root: Path, profile: str) -> Path:
    """Write reports/index.html from what the notebooks left: a card an assignment and the matrix of scores."""
    from scanbook.report import index

    cards, matrix = [], []
    for name in notebooks(root):
        experiment = params.load(root / "params" / f"{name}.yaml", profile)
        page, tables = _recall(root, name, profile), record.read(root, name, profile)
        card = {"name": name, "title": experiment.title, "question": experiment.question,
                "badge": badge(profile, experiment.phantoms), "state": page["state"], "reason": page.get("reason", ""),
                "picture": "", "counts": "", "rows": [], "verdict": "", "claim": "", "href": f"{name}.html"}  # fmt: skip
        if page["state"] == "done" and not freshness.is_own(root / "reports" / f"{name}.html", page):
            card |= {
                "state": "missing",
                "reason": f"reports/{name}.html is a page of another profile; make report-{name} PROFILE={profile} "
                f"RESUME=1 makes this one again",
            }
        file = record.folder_of(root, name, profile) / "card.json"
        if tables is not None and file.exists():
            card |= json.loads(file.read_text(encoding="utf-8"))
            matrix += [{"set": experiment.title, **row} for row in card.pop("matrix")]
        cards.append(card)
    out = root / "reports" / "index.html"
    summary = "summary.html" if (root / "reports" / "summary.html").exists() else ""
    any_phantoms = any(params.load(root / "params" / f"{c['name']}.yaml", profile).phantoms for c in cards)
    intro = ("Student assignments on medical images, run again from image files to page: ResNet and VGG on the same "
             "patients, what the augmentation shows them, what was claimed and what is left of it when patients are "
             "kept apart.")  # fmt: skip
    index.write_index(cards, pd.DataFrame(matrix) if matrix else None, out, summary=summary, intro=intro,
                      badge=badge(profile, any_phantoms),
                      provenance_html=provenance.as_html(provenance.collect(root=root),
                                                         command=f"make reports PROFILE={profile}"))  # fmt: skip
    return out
