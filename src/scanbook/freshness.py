"""What a page was made from, written down beside it: whether it is still true, and if not, why.

A page depends on its notebook, its parameters, the images, the code of every room that can reach it, and the versions
and processor it ran on. `make reports RESUME=1` leaves alone what is unchanged in all of them.
"""

import fnmatch
import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

from scanbook import params, record, sources
from scanbook.differences import differing, room_in_words
from scanbook.report.provenance import PACKAGES, cores, processor, version

SUMMARY = "summary"
APART = ("cli.py", "__main__.py", "freshness.py", "differences.py", "report/index.py", "report/progress.py", "starting.py",
         "drafting.py", "getting*.py", "sets_on_disk.py", "template/*", "loaders/guess*", "loaders/bringing/*")  # fmt: skip


def made_from(root: Path, name: str, profile: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Everything one page depends on, as nested plain values; what is large is a hash.

    Raises ParamsError when the parameter file cannot be followed.
    """
    found: dict[str, Any] = {
        "notebook": _notebook(root / "notebooks" / f"{name}.ipynb"),
        "machine": {"processor": processor(), "cores": cores(), "gpu": Path("/dev/nvidiactl").exists()},
        "versions": {"python": platform.python_version()} | {package: version(package) for package in PACKAGES},
    }
    apart = {room for pattern in APART for room in fnmatch.filter(sources.rooms(), pattern)}
    code = {room: digest for room, digest in sources.rooms().items() if room not in apart}
    if name == SUMMARY:
        tables = root.glob(f"runs/*/record-{profile}/*.csv")
        read = [*sorted((root / "params").glob("*.yaml")), *sorted(tables)]
        found["files"] = {f.relative_to(root).as_posix(): _digest(f.read_bytes()) for f in read}
        needed: set[str] = set()
    else:
        experiment = params.load(root / "params" / f"{name}.yaml", profile, overrides)
        found["parameters"] = json.loads(experiment.model_dump_json())
        drawn_by = sources.reach(f"phantoms/{experiment.data.folder}.py") | {"phantoms/__init__.py"}
        needed = drawn_by if experiment.phantoms else set()
        base = Path(os.environ.get("DATA_DIR") or root / "data") / experiment.data.folder
        found["images"] = "" if experiment.phantoms else _listing(base)
        table = root / (experiment.data.table or "")  # one that lies beside the parameter file
        found["table"] = _digest(table.read_bytes()) if table.is_file() else ""
        files = {arm.weights for arm in experiment.arms.values()} - {"none", "imagenet"}
        found["weights"] = _listing(Path(os.environ["WEIGHTS_DIR"])) if files and os.environ.get("WEIGHTS_DIR") else ""
    found["source"] = {room: h for room, h in code.items() if not room.startswith("phantoms/") or room in needed}
    return found


def seal(root: Path, name: str, profile: str, page: Path, origin: dict[str, Any]) -> dict[str, Any]:
    """What to keep of a finished page, so that `stale` can tell later: its own hash, origin and runs."""
    runs = record.folder_of(root, name, profile) / "runs.txt"
    return {
        "made_from": origin,
        "page": _digest(page.read_bytes()),
        "runs": runs.read_text(encoding="utf-8").split() if runs.exists() and name != SUMMARY else [],
    }


def stale(root: Path, name: str, profile: str, kept: dict[str, Any], origin: dict[str, Any]) -> list[str]:
    """Why a page would be made again, a sentence each; empty when it would not.

    kept    what page.json holds: state, reason, and what `seal` gave
    origin  `made_from` of now
    """
    page = root / "reports" / f"{name}.html"
    if kept.get("state") != "done":
        return [
            f"not finished: {kept.get('state', 'missing')}" + (f" ({kept['reason']})" if kept.get("reason") else "")
        ]
    if "made_from" not in kept:
        return ["what it was made from was not kept"]
    if not page.is_file():
        return [f"reports/{page.name} is gone"]
    if not is_own(page, kept):
        return [f"reports/{page.name} is another one: of another profile, or edited"]
    gone = [run for run in kept["runs"] if not (root / "runs" / name / run / "predictions.csv").is_file()]
    reasons = [f"run {run} is gone" for run in gone]
    changes = differing(kept["made_from"], origin)
    changed = {key for key, _, _ in changes}
    for key, old, new in changes:
        top, _, rest = key.partition(".")
        if top == "source":
            reasons.append(room_in_words(rest, old, new))
        elif top in ("notebook", "images", "weights"):
            reasons.append(f"the {top} changed")
        elif top == "files":
            reasons.append(f"{rest} changed")
        elif not (rest.startswith("arms.") and f"{top}.{rest.split('.', 2)[2]}" in changed):  # said once for all arms
            reasons.append(f"{rest}: {_short(old)} → {_short(new)}")
    return reasons


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _notebook(file: Path) -> str:
    """A hash of what a notebook says and runs: ids, outputs and counts of its cells do not matter."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    told = [(c["cell_type"], "".join(c["source"]), sorted(c.get("metadata", {}).get("tags", []))) for c in cells]
    return _digest(json.dumps(told).encode())


def _listing(folder: Path) -> str:
    """A hash over names, sizes and times of all files below a folder: quick, and any change of a file shows."""
    lines = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            state = os.lstat(os.path.join(place, name))  # a link that leads nowhere is a file like another
            lines.append(f"{os.path.relpath(place, folder)}/{name} {state.st_size} {state.st_mtime_ns}")
    return _digest("\n".join(lines).encode())


def is_own(page: Path, kept: dict[str, Any]) -> bool:
    """Whether the page on disk is the one that `seal` saw, and not one of another profile."""
    return page.is_file() and _digest(page.read_bytes()) == kept.get("page")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
