"""What is being trained right now, told from the kernel to the terminal.

The kernel and the terminal are two processes, and a notebook's own output reaches its page, not the person
who waits. So the kernel adds one JSON line an event to a file named by SCANBOOK_PROGRESS, and the process
that waits reads the file as it grows. Progress is a courtesy: nothing here may stop a run, whatever happens
to the file.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

VARIABLE = "SCANBOOK_PROGRESS"


def report_progress(event: dict[str, Any]) -> None:
    """Add one event to the progress file; nothing happens where SCANBOOK_PROGRESS is unset or unwritable.

    event  plain values; `describe` knows network, run, runs, epoch, epochs, val_loss, note, left_s (seconds)
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return
    try:
        line = (json.dumps(event, default=str) + "\n").encode()
        # One write of one short line in append mode: two processes of one kernel never mix inside a line.
        handle = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
    except (OSError, ValueError, TypeError):
        return


class Tail:
    """Reads what has been added to a file of JSON lines since the last look.

    A missing file, a line still being written and a broken line give no event and no error.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """New whole events, oldest first."""
        try:
            with self.path.open("rb") as handle:
                if os.fstat(handle.fileno()).st_size < self._offset:  # replaced by a shorter file
                    self._offset, self._rest = 0, b""
                handle.seek(self._offset)
                fresh = handle.read()
                self._offset = handle.tell()
        except OSError:
            return []
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        events = []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                events.append(event)
        return events


def describe(event: dict[str, Any]) -> str:
    """One event as words, leaving out what it does not hold.

    >>> describe({"network": "vgg16_bn", "run": 2, "runs": 5, "epoch": 3, "val_loss": 0.4123, "left_s": 118})
    'vgg16_bn  run 2 of 5  epoch 3  val loss 0.41  about 2 min left'
    """
    parts = [str(event["network"])] if event.get("network") else []
    for one, many in (("run", "runs"), ("epoch", "epochs")):
        if event.get(one) is not None:
            parts.append(f"{one} {event[one]}" + (f" of {event[many]}" if event.get(many) is not None else ""))
    if isinstance(event.get("val_loss"), int | float):
        parts.append(f"val loss {event['val_loss']:.2f}")
    if event.get("note"):
        parts.append(str(event["note"]))
    if isinstance(event.get("left_s"), int | float):
        parts.append(f"about {duration(event['left_s'])} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 40 s, 2 min, 1 h 05 min."""
    seconds = max(0.0, float(seconds))
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Board:
    """What several notebooks are doing, on one terminal.

    On a terminal one line a notebook that changes in place; elsewhere (a file, CI) plain lines, at most one
    per notebook in `every` seconds, so that a log stays readable. Several threads may tell it things.

        with Board() as board:
            run_notebook(…, on_line=board.teller("xray"))
            board.say("xray", "done in 41 s")
    """

    def __init__(self, *, every: float = 5.0, stream: Any = None) -> None:
        self.every = every
        self.stream = stream if stream is not None else sys.stdout
        self._lock = threading.Lock()
        self._rows: dict[str, str] = {}
        self._last: dict[str, float] = {}
        self._live: Any = None

    def __enter__(self) -> "Board":
        if getattr(self.stream, "isatty", lambda: False)() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=self.stream), refresh_per_second=4, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

    def teller(self, name: str) -> Callable[[str], None]:
        """The function that `run_notebook` calls with each new line about notebook `name`."""
        return lambda text: self.update(name, text)

    def update(self, name: str, text: str) -> None:
        """Passing news: shown at once on a terminal, thinned out elsewhere."""
        with self._lock:
            if self._live is not None:
                self._rows[name] = text
                self._draw()
            elif time.monotonic() - self._last.get(name, -self.every) >= self.every:
                self._last[name] = time.monotonic()
                self._print(name, text)

    def say(self, name: str, text: str) -> None:
        """News that stays (done, failed, where to look): always printed, and the passing line ends."""
        with self._lock:
            self._rows.pop(name, None)
            self._last.pop(name, None)
            if self._live is not None:
                self._draw()
            self._print(name, text)

    def _print(self, name: str, text: str) -> None:
        line = f"{name:<7} {text}"
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)
            return
        try:
            print(line, file=self.stream, flush=True)
        except (OSError, ValueError):  # the reader of a pipe has gone; the work goes on
            return

    def _draw(self) -> None:
        from rich.text import Text

        rows = (f"{name:<7} {text}" for name, text in self._rows.items())
        self._live.update(Text("\n".join(rows), no_wrap=True, overflow="ellipsis"), refresh=True)
