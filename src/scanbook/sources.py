"""What the code of each room says, as a hash without its comments: by it a run or a page knows that it is out of date.

Two texts with the same syntax tree do the same, so a better comment or docstring makes nothing again.
"""

import ast
import fnmatch
import functools
import hashlib
from pathlib import Path

from scanbook.report import syntax

PACKAGE = Path(__file__).parent

# The rooms whose code decides what a run computes; report and metrics come after predictions.csv and may change freely.
DECIDING = (
    "dataset.py", "fitting.py", "loaders/augment.py", "loaders/balance.py", "loaders/batches.py", "loaders/blending.py",
    "loaders/cache.py", "loaders/prepare.py", "models/*.py",
)  # fmt: skip
READING = "loaders/reading.py"  # with every room it needs
NOT_DECIDING = (
    "models/logs.py", "models/checkpoints.py", "models/baselines.py", "models/failures.py", "models/attribution.py",
    "models/exchange.py", "models/features.py", "models/map_checks.py", "*/__init__.py",
)  # fmt: skip


@functools.cache
def room(file: Path) -> str:
    """Twelve hex digits over one file: the syntax tree of Python without docstrings, the bytes of anything else."""
    content = file.read_bytes()
    if file.suffix == ".py":
        tree = syntax.tree(content)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    node.body = node.body[1:]
        content = ast.dump(tree).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def rooms(package: Path = PACKAGE) -> dict[str, str]:
    """Every file of the package, named by its path in it -> its hash."""
    found = (file for file in package.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(package).as_posix(): room(file) for file in sorted(found)}


def of_run(network: str, package: Path = PACKAGE) -> dict[str, str]:
    """The rooms that decide what a training of `network` computes -> their hashes."""
    from scanbook.models.own import OWN

    elsewhere = "models/backbones.py" if network in OWN else "models/own.py"
    found = {file.relative_to(package).as_posix() for pattern in DECIDING for file in package.glob(pattern)}
    return {
        name: room(package / name)
        for name in sorted(found | reach(READING, package))
        if name != elsewhere and not any(fnmatch.fnmatch(name, other) for other in NOT_DECIDING)
    }


def of_rooms(*starts: str, package: Path = PACKAGE) -> str:
    """One hash over some rooms and all of their wing that these need."""
    names = sorted(set().union(*(reach(start, package) for start in starts)))
    return hashlib.sha256("".join(f"{name} {room(package / name)}\n" for name in names).encode()).hexdigest()[:16]


def reach(start: str, package: Path = PACKAGE) -> set[str]:
    """The rooms of one wing that a room needs, itself included, by following its imports ("phantoms/heart.py")."""
    wing, found, waiting = start.split("/")[0], set(), [start]
    while waiting:
        name = waiting.pop()
        if name in found or not (package / name).is_file():
            continue
        found.add(name)
        for node in ast.walk(syntax.tree((package / name).read_bytes())):
            if not isinstance(node, ast.ImportFrom):
                continue
            module = (node.module or "").removeprefix(f"{package.name}.{wing}").strip(".").replace(".", "/")
            inner = [f"{module}/{alias.name}".strip("/") for alias in node.names]  # a room, where module is a folder
            waiting += [f"{wing}/{found_name}.py" for found_name in (module, *inner)]
    return found
