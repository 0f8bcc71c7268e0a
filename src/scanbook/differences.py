"""Two runs side by side: what was asked for, on which images, by which code and versions, and what came of it.

The same comparison tells why a run would be made again: its plan of today against the finished run of the same name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from scanbook.metrics.scores import score_table
from scanbook.params import ParamsError
from scanbook.plan import Run
from scanbook.runs import RunFolder

COST = ("seconds", "images_per_second", "epochs", "best_epoch", "best_val_loss", "parameters", "n_train", "n_val")


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}; lists stay values."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return found


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(key, old, new) wherever two nested mappings differ, in the order of their keys; None where one has no such key."""
    a, b = flat(old), flat(new)
    return [(key, a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)]


def in_words(found: list[tuple[str, Any, Any]]) -> list[str]:
    """Differences as a person reads them: hashes are named, values are shown."""
    words = []
    for key, old, new in found:
        if key.startswith("source."):
            words.append(room_in_words(key.removeprefix("source."), old, new))
        elif key in ("data", "parts"):
            words.append("the images changed" if key == "data" else "the split changed")
        else:
            words.append(f"{key.removeprefix('arm.')}: {old} → {new}")
    return words


def room_in_words(room: str, old: str | None, new: str | None) -> str:
    """What became of a room's code, by its hash before and now; None where there was no such room."""
    return f"code {'changed' if old and new else 'new' if new else 'gone'}: {room}"


def why_made(run: Run, folder: Path) -> list[str]:
    """Why a run that is not done would be made, against the finished run of the same name that differs least.

    Of several that differ equally the newest: the last one made may be of another profile, which explains nothing.
    """
    of_run = RunFolder(folder / run.name)
    if of_run.state()["state"] == "killed":
        kept = any(of_run.part.glob("*.ckpt"))
        return [
            f"was cut off; {'goes on from its last checkpoint' if kept else 'begins anew, it had no checkpoint yet'}"
        ]
    earlier = [p for p in folder.glob(f"{run.stem}-????????") if (p / "params.yaml").is_file()]
    if not earlier:
        return ["never made"]
    wanted = _plain(run.determined_by)
    newest_first = sorted(earlier, key=lambda p: p.stat().st_mtime, reverse=True)
    return in_words(min((differing(_determined_by(p), wanted) for p in newest_first), key=len))


def find_run(name: str, root: Path) -> Path:
    """A finished run's folder, by its path or by any part of its name that only one run has.

    Raises ParamsError naming what was found otherwise.
    """
    given = Path(name)
    if (given / "predictions.csv").is_file():
        return given
    found = sorted(p.parent for p in root.glob("runs/*/*/predictions.csv") if name in p.parent.name)
    found = [p for p in found if not p.name.endswith((".part", ".old"))]
    if len(found) == 1:
        return found[0]
    listing = "\n  ".join(f"{p.parent.name}/{p.name}" for p in found[:12])
    raise ParamsError(f"{len(found)} finished runs are called {name!r}" + (f":\n  {listing}" if found else
                      "; runs lie in runs/NAME/, see: ls runs/*"))  # fmt: skip


def side_by_side(first: Path, second: Path) -> pd.DataFrame:
    """What differs between two finished runs: section, key, and a column for each.

    Sections: parameters, data, machine, code, cost, and every score of the test part (of the validation part for a
    point of a tuning grid) with its 95 % interval. Scores and cost are shown also where they are equal.
    """
    a, b = _determined_by(first), _determined_by(second)
    rows = [(_section(key), key, old, new) for key, old, new in differing(a, b)]
    costs = [json.loads((run / "state.json").read_text(encoding="utf-8")) for run in (first, second)]
    rows += [("cost", key, costs[0].get(key), costs[1].get(key)) for key in COST]
    scores = [_scores(run, settings) for run, settings in ((first, a), (second, b))]
    rows += [("scores", key, scores[0].get(key), scores[1].get(key)) for key in {**scores[0], **scores[1]}]
    return pd.DataFrame(rows, columns=["section", "key", "a", "b"])


def _section(key: str) -> str:
    top = key.split(".")[0]
    return {"arm": "parameters", "source": "code", "machine": "machine", "data": "data", "parts": "data"}.get(
        top, "parameters"
    )


def _determined_by(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / "params.yaml").read_text(encoding="utf-8"))


def _plain(nested: dict[str, Any]) -> dict[str, Any]:
    """As it would read back from params.yaml."""
    return yaml.safe_load(yaml.safe_dump(nested))


def _scores(run: Path, settings: dict[str, Any]) -> dict[str, str]:
    table = pd.read_csv(run / "predictions.csv", keep_default_na=False, na_values=["nan"])
    part = "test" if settings.get("opens_test", True) else "val"
    scored = score_table(table[table["split"] == part], settings["classes"], settings["positive"])
    return {
        f"{part} {row.metric}": f"{row.value:.3f}" + ("" if pd.isna(row.low) else f" ({row.low:.3f} to {row.high:.3f})")
        for row in scored.itertuples()
    }
