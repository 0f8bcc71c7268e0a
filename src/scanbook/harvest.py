"""What finished runs have left, as tables over all of them."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from scanbook.plan import Run
from scanbook.runs import RunFolder


def states(runs: Iterable[Run], folder: Path) -> pd.DataFrame:
    """One row a run: arm, network, stands_for, scheme, fold, seed, name, and what `RunFolder.state` knows of it."""
    rows = [
        {"arm": run.arm.name, "network": run.arm.network, "stands_for": run.arm.stands_for, "scheme": run.scheme,
         "fold": run.fold, "seed": run.seed, "name": run.name, **RunFolder(folder / run.name).state()} for run in runs
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(reason=table.get("reason", None))


def tables(runs: Iterable[Run], folder: Path, file: str) -> pd.DataFrame:
    """One file of every finished run, below each other, with the columns arm, network, scheme, fold and seed.

    Raises RuntimeError when no run is finished.
    """
    found = []
    for run in runs:
        if RunFolder(folder / run.name).done:
            table = pd.read_csv(folder / run.name / file, keep_default_na=False, na_values=["nan"])
            found.append(
                table.assign(arm=run.arm.name, network=run.arm.network, scheme=run.scheme, fold=run.fold, seed=run.seed)
            )
    if not found:
        raise RuntimeError("no finished run yet: call study.train() first")
    return pd.concat(found, ignore_index=True)
