"""From an executed notebook to the HTML of its cells: every kind of output takes a form that a page can show."""

import contextlib
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from scanbook.report import syntax
from scanbook.report.scrub import scrub_notebook

THEME = Path(__file__).parent / "theme"
_KINDS = (
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "image/webp",
    "image/png",
    "image/jpeg",
    "image/gif",
    "text/latex",
    "text/plain",
)


def prepared(executed: Path | Any, clean: Callable[[str], str] | None) -> Any:
    """A copy of the notebook (file or NotebookNode), put through `clean`, in which every output has a form."""
    nb = scrub_notebook(_read(executed), clean or str)  # a copy in any case: what follows changes cells
    _join_parameters(nb)
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            _give_it_a_form(output)
    return nb


def cells_html(nb: Any) -> str:
    """The cells of a prepared notebook as HTML, by nbconvert's base template and ours."""
    from nbconvert.exporters import HTMLExporter
    from traitlets.config import Config

    config = Config({"NbConvertBase": {"display_data_priority": list(_KINDS)}})
    exporter = HTMLExporter(
        config=config,
        template_name="notebook",
        extra_template_basedirs=[str(THEME)],
        exclude_anchor_links=True,
    )
    return exporter.from_notebook_node(nb)[0]


def cut(executed: Path | Any) -> tuple[Any, int]:
    """The notebook up to the cell where it stopped, and how many code cells below that did not run."""
    nb = deepcopy(_read(executed))
    stopped = nb.metadata.get("scanbook", {}).get("stopped_at")
    if stopped is None:
        ran = [i for i, cell in enumerate(nb.cells) if cell.get("execution_count")]
        stopped = max(ran, default=-1)
    left = [cell for cell in nb.cells[stopped + 1 :] if cell.cell_type == "code" and cell.source.strip()]
    nb.cells = nb.cells[: stopped + 1]
    for cell in nb.cells:  # the error itself stands on top of the page already
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.output_type != "error"]
    return nb, len(left)


def _read(executed: Path | Any) -> Any:
    import nbformat

    return nbformat.read(executed, as_version=4) if isinstance(executed, str | Path) else executed


def _give_it_a_form(output: Any) -> None:
    """What a page cannot show (a widget, a script, an unknown type) becomes words; backspacing lines end up last."""
    if output.output_type == "stream":
        lines = output.text.split("\n")
        output.text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)
    data = output.get("data")
    if data is None:
        return
    if "<script" in data.get("text/html", "") and any(kind.startswith("image/") for kind in data):
        del data["text/html"]  # an interactive figure that brought its picture along
    if any(kind in data for kind in _KINDS):
        return
    if "application/json" in data:
        data["text/plain"] = json.dumps(data["application/json"], indent=1, ensure_ascii=False)
        return
    kinds = ", ".join(data) or "nothing"
    data["text/plain"] = f"An output that a page without scripts cannot show ({kinds})."


def _join_parameters(nb: Any) -> None:
    """One quiet line for the parameters cell and the one that papermill put below it."""
    tagged = [cell for cell in nb.cells if "parameters" in cell.metadata.get("tags", [])]
    injected = [cell for cell in nb.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    if not tagged + injected:
        return
    values: dict[str, str] = {}
    for cell in tagged + injected:
        with contextlib.suppress(SyntaxError):  # then the notebook has failed there, and its page says so
            values |= syntax.assignments(cell.source)
    first = (tagged + injected)[0]
    first.metadata["shown_parameters"] = [f"{name} = {value}" for name, value in values.items() if value != "{}"]
    first.source = "\n\n".join(cell.source for cell in tagged + injected)
    nb.cells = [cell for cell in nb.cells if cell is first or cell not in tagged + injected]
