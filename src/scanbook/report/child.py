"""The process that holds one notebook's kernel: `python -m scanbook.report.child JOB.json`.

papermill changes the working directory of its whole process and can hang with its kernel, so every notebook
gets a process of its own that `execute.run_notebook` watches. It speaks JSON lines on standard output. Its
verdict is a claim only: the watcher checks the written notebook before it believes "done".
"""

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import Unicode

_kernel_pid: int | None = None
_kernel_exit: int | None = None


def _tell(event: dict[str, Any]) -> None:
    print(json.dumps(event), file=sys.__stdout__, flush=True)


class OwnKernel(AsyncKernelManager):
    """A kernel on this very interpreter, whatever kernel specifications the user's home may hold."""

    # Declared again so that traitlets takes the value set below rather than one from a user's configuration.
    kernel_name = Unicode("python3")

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python", interrupt_mode="signal")

    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """Start the kernel and tell the watcher its process id: it ends the kernel should we be killed."""
        global _kernel_pid
        folder = os.environ["SCANBOOK_KERNEL_DIR"]
        self.connection_file = f"{folder}/k.json"
        if os.name == "posix" and len(folder) < 80:  # a socket's path holds 108 characters, 104 on a Mac
            # Sockets in our own folder: two kernels never race for a port, and no other user can reach them.
            self.transport, self.ip = "ipc", f"{folder}/k"
        await super().start_kernel(**options)
        _kernel_pid = getattr(self.provisioner, "pid", None)
        _tell({"event": "kernel", "pid": _kernel_pid})

    async def is_alive(self) -> bool:  # type: ignore[override]
        """Whether the kernel runs; its exit code is kept for the report when it does not."""
        global _kernel_exit
        if self.provisioner is not None:
            code = await self.provisioner.poll()
            _kernel_exit = code if code is not None else _kernel_exit
        return await super().is_alive()


def end_kernel() -> None:
    """Kill the kernel that this process started, with everything the kernel started."""
    if _kernel_pid is None:
        return
    try:
        if hasattr(os, "killpg"):
            os.killpg(_kernel_pid, signal.SIGKILL)  # jupyter_client gives each kernel a session of its own
        else:
            os.kill(_kernel_pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return


def _end_with_the_watcher() -> None:
    """Standard input is a pipe that only the watcher holds: its end means that the watcher is gone."""
    sys.stdin.buffer.read()
    end_kernel()
    shutil.rmtree(os.environ["SCANBOOK_KERNEL_DIR"], ignore_errors=True)  # it would have cleared it away
    os._exit(143)


def main(job_file: str) -> int:
    """Execute the notebook that the job names; 0 when papermill raised nothing."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    threading.Thread(target=_end_with_the_watcher, daemon=True).start()

    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    def cell_start(cell: Any, cell_index: int) -> None:
        _tell({"event": "cell", "index": cell_index})

    end: dict[str, Any] = {"event": "end", "status": "done"}
    try:
        papermill.execute_notebook(
            nbformat.read(job["notebook"], as_version=4),
            job["out"],
            parameters=job["parameters"],
            kernel_name="python3",
            language="python",
            progress_bar=False,
            execution_timeout=job["timeout"],
            kernel_manager_class=OwnKernel,
            on_cell_start=cell_start,
            # Saving every half minute inside a cell would rewrite the whole notebook while a network trains.
            autosave_cell_every=0,
        )
    except PapermillExecutionError as error:
        end |= {"status": "failed", "name": error.ename, "message": error.evalue}
    except DeadKernelError as error:
        end |= {"status": "killed", "name": "DeadKernelError", "message": str(error), "exit": _kernel_exit}
    except CellTimeoutError:
        end |= {"status": "failed", "name": "CellTimeoutError"}
        end["message"] = f"the cell ran longer than {job['timeout']} s and was stopped"
    except BaseException as error:  # told to the watcher, which reports it; nothing is swallowed
        end |= {"status": "failed", "name": type(error).__name__, "message": str(error)}
    finally:
        end_kernel()
    _tell(end)
    return 0 if end["status"] == "done" else 1


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)  # no wait for zmq threads of a kernel that is gone
