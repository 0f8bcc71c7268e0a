"""The judge's own record is quoted from its table, and nothing is claimed without one."""

import pandas as pd

from scanbook.trials import said

ROWS = [
    {"trial": "all", "planted": "equal networks", "hits": 14, "of": 400},
    {"trial": "all", "planted": "leaks and shortcuts", "hits": 75, "of": 76},
]


def test_the_sentence_quotes_the_table_and_names_it(tmp_path):
    pd.DataFrame(ROWS).to_csv(tmp_path / "trial.csv", index=False)
    found = said(tmp_path / "trial.csv")
    assert "Of 400 comparisons of two networks made equal, it called 14 better or worse" in found.text
    assert "of 76 planted leaks and shortcuts, the checks of these pages caught 75" in found.text
    assert found.html.count('data-src="docs/results/trial.csv"') == 4


def test_without_a_whole_table_it_says_how_to_make_one(tmp_path):
    assert "python -m benchmarks.trial" in said(tmp_path / "trial.csv").text
    pd.DataFrame(ROWS[:1]).to_csv(tmp_path / "trial.csv", index=False)
    assert "python -m benchmarks.trial" in said(tmp_path / "trial.csv").text
