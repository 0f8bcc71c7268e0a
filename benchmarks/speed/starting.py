"""Measure how long a notebook's reader waits before the first result, and for a grid of images and a rendered page.

    python starting.py JOB.json RESULT.json

Each import is timed in a process of its own, by the clock outside it: interpreter, import, exit.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import job
import nbformat
from ours import take_turns

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = "import torch, torchvision, pandas, sklearn, matplotlib.pyplot, seaborn"
PROGRAMS = {
    "python alone": "pass",
    "import scanbook": "import scanbook",
    "import of the libraries": LIBRARIES,
    "first code cell": "from scanbook import open_study, show; study = open_study('params/heart.yaml')",
    "first cell with its headline": "from scanbook import open_study, show; study = open_study('params/heart.yaml'); "
    "show.headline(study)",
}
FIGURES = 8  # as many as stand open on a page


def measure(todo: dict) -> dict:
    """Seconds of each program, of drawing one grid and of rendering one executed notebook; a list over rounds."""
    with tempfile.TemporaryDirectory() as scratch:
        page = executed_notebook()
        forms = {name: program(code) for name, code in PROGRAMS.items()}
        forms["draw a grid of 36 tiles"] = grid()
        forms["render a page"] = lambda: render(page, Path(scratch) / "page.html")
        seconds = take_turns(forms, todo["rounds"], warm=1)
        size = (Path(scratch) / "page.html").stat().st_size
    return {"seconds": seconds, "page_bytes": size, "cells": len(page.cells), "versions": job.versions("nbconvert")}


def program(code: str) -> Callable[[], None]:
    """A call that runs one line of Python in a fresh interpreter, in the notebooks' folder as a kernel would."""
    return lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True) and None


def grid() -> Callable[[], None]:
    """A call that draws images of 64 px beside their augmented versions, as each page does once."""
    import numpy as np

    from scanbook.report import figures

    images, versions = 4, 8
    originals = np.random.default_rng(0).integers(0, 255, (images, 64, 64, 1), dtype=np.uint8)
    augmented = np.repeat(originals[:, None], versions, axis=1) / 255.0
    labels, texts = ["well", "sick"] * (images // 2), [["mirrored, turned 8°, zoom 1.12"] * versions] * images
    return lambda: figures.augmentation_grid(originals, augmented, labels, texts) and None


def executed_notebook() -> nbformat.NotebookNode:
    """A notebook as long as ours with its outputs: tables, prose and FIGURES figures, drawn here and not executed."""
    import matplotlib.pyplot as plt
    import numpy as np
    import pandas as pd

    from scanbook.report.plates import Plate

    v4, random = nbformat.v4, np.random.default_rng(0)
    cells = [v4.new_markdown_cell("# A page to time")]
    for number in range(FIGURES):
        table = pd.DataFrame(random.normal(size=(10, 4)).round(3), columns=["network", "a", "b", "c"])
        figure, axes = plt.subplots(figsize=(4.8, 3.0), layout="constrained")
        axes.plot(random.normal(size=(60, 4)).cumsum(0))
        plate = Plate(figure, caption=f"Curves, n = {number}.", alt="Four curves that wander.", table=table)
        for html in (plate._repr_html_(), table.to_html()):
            output = v4.new_output("display_data", {"text/html": html})
            cells.append(v4.new_code_cell("shown(study)", outputs=[output], execution_count=number + 1))
        words = "Some words about what is shown. " * 20
        cells += [v4.new_markdown_cell(f"## Section {number}.{part}\n\n{words}") for part in range(4)]
        plt.close(figure)
    return v4.new_notebook(cells=cells)


def render(page: nbformat.NotebookNode, out: Path) -> None:
    """The executed notebook to one self-contained HTML file, through the package's own room."""
    from scanbook.report import pages

    pages.render(page, out, title="A page to time", badge="phantoms, not patients")


if __name__ == "__main__":
    job.run(measure, sys.argv)
