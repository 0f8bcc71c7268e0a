"""Run a notebook in a kernel of its own, and say truthfully how it ended.

papermill does the running, but it only warns about a parameter that it does not know, and after a kernel
was killed it writes every cell as "completed" with no exception. So a process of ours watches it:
parameters are checked before anything starts, and "done" needs a clean end, a finished file and a count on
every code cell in it.
"""

import difflib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanbook.report import syntax
from scanbook.report.outcome import NotebookError, Outcome, judge
from scanbook.report.progress import VARIABLE, Tail, describe

__all__ = ["NotebookError", "Outcome", "check_parameters", "run_notebook", "stop_all"]

_running: dict[int, "_Watch"] = {}
_stops = 0  # how often stop_all was called: a notebook that was just starting then must not slip through
_lock = threading.Lock()


@dataclass
class _Watch:
    process: subprocess.Popen[bytes]
    kernel: int | None = None
    stopped: bool = False


def run_notebook(
    notebook: Path,
    out: Path,
    parameters: dict[str, Any],
    *,
    cwd: Path,
    env: dict[str, str] | None = None,
    timeout: int | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Outcome:
    """Execute `notebook` with `parameters` in a fresh kernel of this interpreter and write it to `out`.

    parameters  plain values for names of the cell tagged `parameters`
    cwd         the kernel's working directory
    env         variables added to this process's own for the kernel
    timeout     seconds one cell may take; None: as long as it likes
    on_line     called from this thread with lines such as "vgg16_bn  run 2 of 5  epoch 3 of 6"

    `out` is written in one step, also when the notebook failed (up to the failing cell). Several threads
    may each run one. Ctrl-C, or `stop_all` from another thread, ends the child and its kernel and gives the
    status interrupted. Raises ValueError before anything runs for a parameter that the notebook does not
    know or that is not plain, and FileNotFoundError where there is no notebook.
    """
    stops = _stops
    check_parameters(notebook, parameters)
    started = time.monotonic()
    tell = on_line or (lambda line: None)
    work = Path(tempfile.mkdtemp(prefix="sb-"))
    try:
        events, watch, said = _run_child(notebook, work, parameters, cwd, env or {}, timeout, tell, stops)
        status, error, executed = judge(
            notebook, work / "out.ipynb", out, events, watch.process.returncode, said, watch.stopped
        )
        if status == "done" and executed is None:
            status, error = "failed", NotebookError(0, 0, "", "OSError", f"{out.name} could not be written")
        return Outcome(status, error, time.monotonic() - started, executed)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def stop_all() -> None:
    """End every notebook that `run_notebook` has running in any thread: those calls return "interrupted"."""
    global _stops
    with _lock:
        _stops += 1
        watches = list(_running.values())
    for watch in watches:
        watch.stopped = True
        _kill(watch)


def check_parameters(notebook: Path, parameters: dict[str, Any]) -> list[str]:
    """The names that the notebook's parameters cell sets, after checking that `parameters` fit them.

    Raises ValueError naming file, parameter, what is known and what may have been meant.
    """
    import nbformat

    nb = nbformat.read(notebook, as_version=4)
    cells = [cell for cell in nb.cells if "parameters" in cell.metadata.get("tags", [])]
    known = sorted({name for cell in cells for name in syntax.assignments(cell.source)})
    for name, value in parameters.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            listing = ", ".join(known) if known else "none, no cell is tagged 'parameters'"
            raise ValueError(f"{notebook.name}: unknown parameter {name!r}; known: {listing}{hint}")
        if not _plain(value):
            raise ValueError(
                f"{notebook.name}: parameter {name!r} is {type(value).__name__}; allowed are text, numbers, "
                f"True, False, None, and lists and dicts of them"
            )
    return known


def _plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_plain(item) for item in value)
    return value is None or type(value) in (str, int, float, bool)


def _run_child(
    notebook: Path,
    work: Path,
    parameters: dict[str, Any],
    cwd: Path,
    env: dict[str, str],
    timeout: int | None,
    tell: Callable[[str], None],
    stops: int,
) -> tuple[list[dict[str, Any]], _Watch, str]:
    job = {"notebook": str(notebook.resolve()), "out": str(work / "out.ipynb"), "parameters": parameters}
    (work / "job.json").write_text(json.dumps(job | {"timeout": timeout}), encoding="utf-8")
    tail = Tail(work / "progress.jsonl")
    with (work / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "scanbook.report.child", str(work / "job.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=cwd,
            env=_environment(work, env) | {VARIABLE: str(tail.path)},
            start_new_session=True,  # Ctrl-C reaches us alone, and we end the child in order
        )
    watch = _Watch(process)
    with _lock:
        _running[process.pid] = watch
        late = _stops != stops
    if late:
        watch.stopped = True
        _kill(watch)
    lines: queue.Queue[bytes | None] = queue.Queue()
    pump = threading.Thread(target=_pump, args=(process, lines), daemon=True)
    pump.start()
    events: list[dict[str, Any]] = []
    try:
        _follow(lines, events, watch, tail, tell)
        process.wait(timeout=30)
    except KeyboardInterrupt:
        watch.stopped = True
    finally:
        if not (events and events[-1].get("event") == "end"):  # a child that was killed leaves its kernel
            _kill(watch)
        process.wait()
        with _lock:
            _running.pop(process.pid, None)
        pump.join()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
    return events, watch, (work / "stderr").read_text(encoding="utf-8", errors="replace")


def _environment(work: Path, env: dict[str, str]) -> dict[str, str]:
    """Our own environment without what would let a user's home change a run, kept in the temporary folder."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONSTARTUP", "JUPYTER_PATH")}
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        kept[name] = str(work / name.split("_")[-1].lower())
    kept["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    return kept | {"SCANBOOK_KERNEL_DIR": str(work)} | env


def _pump(process: subprocess.Popen[bytes], lines: "queue.Queue[bytes | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _follow(
    lines: "queue.Queue[bytes | None]",
    events: list[dict[str, Any]],
    watch: _Watch,
    tail: Tail,
    tell: Callable[[str], None],
) -> None:
    while True:
        for event in tail.read():
            text = describe(event)
            if text:
                tell(text)
        try:
            line = lines.get(timeout=0.25)
        except queue.Empty:
            continue
        if line is None:
            return
        try:
            event = json.loads(line)
        except ValueError:
            continue
        events.append(event)
        if event.get("event") == "kernel":
            watch.kernel = event.get("pid")


def _kill(watch: _Watch) -> None:
    if watch.kernel is not None:
        _kill_group(watch.kernel)
    if watch.process.poll() is None:
        _kill_group(watch.process.pid)


def _kill_group(pid: int) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return
