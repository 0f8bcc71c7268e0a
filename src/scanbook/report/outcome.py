"""How a notebook really ended, read from what its process said and from the file it left behind.

"Done" is believed only when the process ended well and every code cell of the written notebook carries an
execution count: papermill writes "completed" on the cells of a kernel that was killed.
"""

import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ERROR_TAG = "papermill-error-cell-tag"
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_SIGNALS = {
    9: "SIGKILL; often the system ran out of memory",
    11: "SIGSEGV, a crash in compiled code",
    6: "SIGABRT",
}


@dataclass
class NotebookError:
    """Where a notebook stopped and what it said.

    cell       which code cell, counted from 1 without the one papermill adds; 0 when none had started
    cells      how many code cells the notebook has
    source     that cell's code
    traceback  lines of text without colour codes, not yet scrubbed (`provenance.scrub` does that)
    """

    cell: int
    cells: int
    source: str
    name: str
    message: str
    traceback: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = f"code cell {self.cell} of {self.cells}" if self.cell else "before the first cell"
        return f"{where}: {self.name}" + (f": {self.message}" if self.message else "")


@dataclass
class Outcome:
    """How a notebook ended: status done, failed, killed or interrupted.

    error     None exactly when the status is done
    seconds   wall time, from the call to the verdict
    executed  the notebook as far as it ran, or None where nothing could be written
    """

    status: str
    error: NotebookError | None
    seconds: float
    executed: Path | None


def judge(
    notebook: Path,
    written: Path,
    out: Path,
    events: list[dict[str, Any]],
    code: int,
    said: str,
    stopped: bool,
) -> tuple[str, NotebookError | None, Path | None]:
    """Status, error and executed notebook of a finished child.

    notebook  what was to run
    written   what papermill left, perhaps nothing, perhaps half a file
    out       where a readable notebook goes, in one step
    events    the child's JSON lines: kernel, cell (index), end (status, name, message, exit)
    code      the child's exit code
    said      the child's and kernel's own standard error: the last words of a crash
    stopped   whether we ended it ourselves
    """
    nb = _read(written)
    end = events[-1] if events and events[-1].get("event") == "end" else {}
    status, name, message = _status(end, code, stopped)
    if status == "done" and (name := _incomplete(nb)):
        status, message = "failed", "not every cell ran, though papermill reported success"
    index = max((event["index"] for event in events if event.get("event") == "cell"), default=None)
    error = None
    if status != "done":
        error = _locate(nb if nb is not None else _read(notebook), index, name, message)
        if status == "killed" and said.strip():
            error.traceback += ["", "Last words of the process:", *said.strip().splitlines()[-12:]]
    executed = None
    if nb is not None:
        nb.metadata["scanbook"] = {"status": status, "stopped_at": index if error else None}
        executed = _write(nb, out)
    return status, error, executed


def _status(end: dict[str, Any], code: int, stopped: bool) -> tuple[str, str, str]:
    if stopped:
        return "interrupted", "Interrupted", "stopped from the keyboard, or by the program that started it"
    if not end:
        return "killed", "ProcessDied", f"the process that ran the notebook ended with {_exit(code)}"
    if end["status"] == "killed":
        return "killed", "KernelDied", f"the notebook's kernel ended with {_exit(end.get('exit'))}"
    if end["status"] == "done" and code == 0:
        return "done", "", ""
    return "failed", end.get("name", "Unknown"), end.get("message", f"exit code {code}")


def _exit(code: int | None) -> str:
    if code is None:
        return "an unknown exit code"
    number = -code if code < 0 else code - 128
    if 0 < number < 65:
        return f"signal {number}" + (f" ({_SIGNALS[number]})" if number in _SIGNALS else "")
    return f"exit code {code}"


def _read(path: Path) -> Any:
    import nbformat

    try:
        nb = nbformat.read(path, as_version=4)
    except (OSError, ValueError, KeyError, AttributeError):  # missing, empty or half a file
        return None
    nb.cells = [cell for cell in nb.cells if _ERROR_TAG not in cell.metadata.get("tags", [])]
    nb.metadata.pop("papermill", None)  # absolute paths, and a status not to be trusted
    for cell in nb.cells:
        cell.metadata.pop("papermill", None)
    return nb


def _incomplete(nb: Any) -> str:
    """Why a notebook that is said to be done is not; empty when it is."""
    if nb is None:
        return "NoNotebook"
    for cell in nb.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        exits = [out for out in cell.outputs if out.output_type == "error"]
        if exits:
            return str(exits[0].ename)
        if cell.execution_count is None and "skip-execution" not in cell.metadata.get("tags", []):
            return "CellNotRun"
    return ""


def _locate(nb: Any, index: int | None, name: str, message: str) -> NotebookError:
    """The error with its cell: the one holding an error output, else the last that had started."""
    cells = nb.cells if nb is not None else []
    lines: list[str] = []
    for number, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" and not lines:
                index = number
                if name != "CellTimeoutError":  # the interrupt that ends such a cell is not its reason
                    name, message = output.ename, output.evalue
                lines = _COLOUR.sub("", "\n".join(output.traceback)).splitlines()
                lines = [line for line in lines if line.strip("-") or not line]  # IPython's rule of dashes
    own = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and not _injected(cell)]
    if index is None or index >= len(cells):
        return NotebookError(0, len(own), "", name, message, lines)
    return NotebookError(sum(i <= index for i in own), len(own), cells[index].source, name, message, lines)


def _injected(cell: Any) -> bool:
    return "injected-parameters" in cell.metadata.get("tags", [])


def _write(nb: Any, out: Path) -> Path | None:
    import nbformat

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=out.name, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(nbformat.writes(nb))
            os.replace(name, out)
        except BaseException:
            os.unlink(name)
            raise
    except OSError:  # a full disk must not hide the verdict: the failure page then shows the error alone
        return None
    return out
