"""A model card: what a trained network is for, what it was trained and tested on, how well, and where it fails.

After Mitchell et al. (2019). The same sections become Markdown beside the record and a folded part of the page, so that
the two cannot say different things.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from scanbook.report.plates import slug
from scanbook.report.words import Prose, table_html, tidy

Part = Prose | tuple[pd.DataFrame, str]  # a sentence, or a table with the file its numbers stand in


@dataclass(frozen=True)
class Card:
    """One network's card.

    name      the arm; anchors begin with it
    title     a line
    sections  heading -> its sentences and tables, in order
    """

    name: str
    title: str
    sections: dict[str, Sequence[Part]]

    def markdown(self) -> str:
        """The card as a Markdown file; of tables the text that a page would show."""
        lines = [f"# {self.title}", ""]
        for heading, parts in self.sections.items():
            lines += [f"## {heading}", ""]
            for part in parts:
                lines += [part.text if isinstance(part, Prose) else _markdown(part[0]), ""]
        return "\n".join(lines).rstrip() + "\n"

    def html(self) -> str:
        """The card folded behind its title."""
        inside = []
        for heading, parts in self.sections.items():
            inside.append(f"<h4>{escape(heading)}</h4>")
            for part in parts:
                inside.append(
                    part.html if isinstance(part, Prose) else table_html(part[0], f"{self.name}: {heading}", part[1])
                )
        return (
            f'<details class="fold model-card" id="card-{slug(self.name)}"><summary>{escape(self.title)}</summary>'
            f"{''.join(inside)}</details>"
        )


def _markdown(table: pd.DataFrame) -> str:
    text = tidy(table)
    rows = [list(text.columns), ["---"] * len(text.columns), *text.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)
