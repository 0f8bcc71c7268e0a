"""What is asked of finished networks beyond their scores: each question has a room, and answers in rows of scores.csv.

A room is asked when the page shows it and answers once; what was shown is what `record.write` keeps.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from scanbook.study import Study

COLUMNS = ["assignment", "profile", "arm", "network", "scheme", "seed", "split", "variant", "metric", "value",
           "low", "high", "n_images", "n_groups", "method"]  # fmt: skip


def rows(study: "Study", arm: str, found: pd.DataFrame, *, split: str = "test", variant: str = "") -> pd.DataFrame:
    """Scores of one arm as rows of scores.csv.

    found  metric, value, low, high, n_images, n_groups, method, as `metrics.scores.score_table` returns them
    """
    settings, seeds = study.experiment.arms[arm], sorted(study.test_predictions(arm)["seed"].unique())
    return found.assign(
        assignment=study.experiment.name, profile=study.experiment.profile, arm=arm, network=settings.network,
        scheme=settings.scheme, seed=str(seeds[0]) if len(seeds) == 1 else "all", split=split, variant=variant,
    )[COLUMNS]  # fmt: skip


class Evidence:
    """The answers of one study's rooms, each computed when it is first asked for.

    scores  every row that a room has answered with so far, columns as in scores.csv
    """

    def __init__(self, study: "Study") -> None:
        self.study = study
        self._answers: dict[str, Any] = {}

    def ask(self, question: Callable[["Study"], Any]) -> Any:
        """What `question(study)` returns, computed once. Its `scores`, or itself if it is a table, go to scores.csv."""
        name = f"{question.__module__}.{question.__qualname__}"
        if name not in self._answers:
            self._answers[name] = question(self.study)
        return self._answers[name]

    @property
    def scores(self) -> pd.DataFrame:
        """What the rooms have answered, in the order they were asked."""
        tables = {name: getattr(answer, "scores", answer) for name, answer in self._answers.items()}
        tables = {name: table for name, table in tables.items() if isinstance(table, pd.DataFrame) and len(table)}
        for name, table in tables.items():
            if missing := [column for column in COLUMNS if column not in table]:
                raise ValueError(f"{name} answers a table without {', '.join(missing)}; scores.csv needs these columns")
        return pd.concat([pd.DataFrame(columns=COLUMNS), *tables.values()], ignore_index=True)[COLUMNS]
