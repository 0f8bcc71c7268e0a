"""What README and the figure say of the whole public copies is what the committed table says."""

import pandas as pd
import pytest
import tiny

from benchmarks import whole


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(whole.RESULTS)


def test_the_readme_holds_the_table_as_it_is(table):
    assert whole.readme_block(table) in (tiny.REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_figure_was_drawn_from_this_table():
    figure = whole.RESULTS.with_suffix(".svg").read_text(encoding="utf-8")
    assert f"drawn from {whole.RESULTS.name} {whole.digest_of(whole.RESULTS)}" in figure


def test_both_splits_of_a_set_are_of_the_same_images_and_say_where_they_were_measured(table):
    assert table[["commit", "machine"]].notna().all(axis=None)
    for (name, network), both in table.groupby(["assignment", "network"]):
        assert both["data"].nunique() == 1, (name, network)
        assert set(both["split"]) > {"random"}, (name, network)
        assert both["value"].between(0, 1).all()
