"""How far the runs of a study are: to the terminal that waits for a page, or under the cell of a notebook.

Time left is counted in epochs: the mean duration of those done so far, times those still to come. Networks differ, so
it is a guess, and it is called one.
"""

import os
import time
from typing import Any

from scanbook.plan import Run
from scanbook.report.progress import VARIABLE, describe, report_progress


class Teller:
    """Follows the runs of one study.

    runs  all that are planned, in their order
    """

    def __init__(self, runs: list[Run]) -> None:
        self._runs = runs
        self._epochs = [sum(stage.epochs for stage in run.arm.training.stages) for run in runs]
        self._now: dict[str, Any] = {}
        self._number, self._spent, self._seen = 0, 0.0, 0
        self._since = time.monotonic()
        self._interactive = VARIABLE not in os.environ
        self._width = 0

    def start(self, number: int, *, found: bool) -> None:
        """A run begins, or was found finished."""
        run = self._runs[number]
        self._number, self._since = number, time.monotonic()
        self._now = {"network": run.arm.network, "run": number + 1, "runs": len(self._runs)}
        if not found:
            self._tell({**self._now, "note": run.arm.name})

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch has ended; `row` is its line of history.csv."""
        now = time.monotonic()
        self._spent, self._seen, self._since = self._spent + now - self._since, self._seen + 1, now
        planned = self._epochs[self._number]
        left = planned - row["epoch"] + sum(self._epochs[self._number + 1 :])
        self._tell({**self._now, "epoch": row["epoch"], "epochs": planned, "val_loss": row["val_loss"],
                    "left_s": left * self._spent / self._seen})  # fmt: skip

    def note(self, text: str) -> None:
        """A sentence that matters more than progress: a failure, or waiting for another process."""
        self._tell({**self._now, "note": text})

    def end(self) -> None:
        """All runs have been gone through."""
        if self._interactive and self._width:
            print("\r" + " " * self._width + "\r", end="", flush=True)

    def _tell(self, event: dict[str, Any]) -> None:
        report_progress(event)
        if self._interactive:
            text = describe(event)
            print("\r" + text.ljust(self._width), end="", flush=True)
            self._width = len(text)
