"""One run's folder: who works in it, what state it is in, and that only finished work is ever found.

A run is made in `NAME.part` and renamed to `NAME` when it is done, so a folder called NAME is always whole; a run
that is made again replaces the finished one only at the end. The lock is the operating system's: it falls with the
process that held it, so a run whose process died reads as killed, whatever its state file says. What such a run has
left in NAME.part, its last checkpoint above all, is kept for the one who goes on with it.
"""

import contextlib
import datetime
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


class RunFolder:
    """The folder of one run: `path` when finished, `path.part` while it is being made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self._old = path.with_name(path.name + ".old")
        self._lock = FileLock(str(path.with_name(f".{path.name}.lock")))

    def __repr__(self) -> str:
        return f"{self.path.name}: {self.state()['state']}"

    def state(self) -> dict[str, Any]:
        """What is known of this run.

        Returns a dict with `state`: missing, running, killed (its process is gone), failed or done; and what the
        run wrote there (`reason` when failed, durations and counts when done).
        """
        finished = _read(self.path)
        if finished is None and self._old.exists():  # caught between the two renames of `_publish`
            time.sleep(0.05)
            finished = _read(self.path)
        if finished is not None:
            return finished
        found = _read(self.part)
        if found is None:
            return {"state": "missing"}
        if found["state"] in ("running", "done") and not self._held():
            found["state"] = "killed"  # also one that died between its last line and its final name
        return found

    @property
    def done(self) -> bool:
        """Whether the run is finished, so that it can be read and asked."""
        return self.state()["state"] == "done"

    @contextlib.contextmanager
    def make(self, *, fresh: bool, say: Any = print) -> Iterator[Path | None]:
        """Claim the folder and make the run in it.

        fresh  make it again from its first epoch, even when it is done; otherwise what a cut run left is kept
        say    called with a sentence when another process holds the run and this one waits

        Yields the folder to write to, or None when the run is done and nothing is to be made. When the block ends
        well the folder takes its final name; when it raises, the state becomes failed with the reason.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        waited = self._acquire(say)
        try:
            if (_read(self.part) or {}).get("state") == "done":
                self._publish()
            if _read(self.path) and (not fresh or waited):
                shutil.rmtree(self.part, ignore_errors=True)
                yield None  # a run that another process has just made counts as fresh
                return
            if fresh:
                shutil.rmtree(self.part, ignore_errors=True)
            self.part.mkdir(exist_ok=True)
            self.write_state(state="running", pid=os.getpid())
            try:
                yield self.part
            except BaseException as error:
                reason = "interrupted" if isinstance(error, KeyboardInterrupt) else f"{error}"
                self.write_state(state="failed", reason=reason, error=type(error).__name__)
                raise
            self._publish()
        finally:
            self._lock.release()

    def write_state(self, **facts: Any) -> None:
        """Write state.json in the folder being made, with the time; whole or not at all."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        beside = self.part / "state.json.new"
        beside.write_text(json.dumps({**facts, "at": now}, indent=1), encoding="utf-8")
        os.replace(beside, self.part / "state.json")

    def _acquire(self, say: Any) -> bool:
        try:
            self._lock.acquire(timeout=0)
            return False
        except Timeout:
            say(f"{self.path.name}: another process{self._owner()} is making this run; waiting for it")
            self._lock.acquire()
            return True

    def _owner(self) -> str:
        """Who is making the run, as far as its state file tells."""
        state = _read(self.part) or {}  # it may have the lock and not have written yet
        return f" (number {state['pid']}, since {state['at']})" if "pid" in state else ""

    def _held(self) -> bool:
        if self._lock.is_locked:  # by this very object
            return True
        try:
            with self._lock.acquire(timeout=0):
                return False
        except Timeout:
            return True

    def _publish(self) -> None:
        shutil.rmtree(self._old, ignore_errors=True)
        if self.path.exists():
            os.replace(self.path, self._old)
        os.replace(self.part, self.path)
        shutil.rmtree(self._old, ignore_errors=True)


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
