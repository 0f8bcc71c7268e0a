"""What a measuring process reads and writes: JOB.json says what to measure, RESULT.json what came out.

A file and not the standard output, because libraries print.
"""

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path


def run(measure: Callable[[dict], dict], argv: list[str]) -> None:
    """Read the job named first, measure, write the result named second."""
    todo = json.loads(Path(argv[1]).read_text(encoding="utf-8"))
    Path(argv[2]).write_text(json.dumps(measure(todo)), encoding="utf-8")


def versions(*names: str) -> dict[str, str]:
    """Name -> installed version."""
    return {name: metadata.version(name) for name in names}
