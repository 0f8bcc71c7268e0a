"""An environment of its own for each library that is compared: pinned, built once, remade when its pins change."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / ".envs"


class Unavailable(RuntimeError):
    """An environment cannot be built here; the text says which and why."""


def python_of(name: str, pins: Path, folder: Path = ENVIRONMENTS) -> Path:
    """The interpreter of an environment that holds exactly what `pins` lists; built where there is none.

    name    of the environment, its folder below `folder`
    pins    a requirements file, every package with its version

    Raises Unavailable when the packages cannot be installed.
    """
    python = folder / name / ("Scripts" if os.name == "nt" else "bin") / "python"
    if is_ready(folder / name, pins):
        return python
    print(f"building an environment for {name} from {pins.name}: some minutes, some gigabytes", flush=True)
    venv.create(folder / name, clear=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(pins)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise Unavailable(f"{name}: {pins.name} cannot be installed for Python {sys.version.split()[0]}: {last}")
    (folder / name / ".pins").write_text(fingerprint(pins))
    return python


def is_ready(folder: Path, pins: Path) -> bool:
    """Whether the environment in `folder` was finished, and for these very pins."""
    mark = folder / ".pins"
    return mark.exists() and mark.read_text() == fingerprint(pins)


def fingerprint(pins: Path) -> str:
    """SHA-256 of the pins and of the Python that they are installed for."""
    return hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
