"""The whole line runs once, small, for all tests that look at its pages, tables and runs."""

import os
from types import SimpleNamespace

import pytest
import tiny

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The six notebooks executed and rendered: `root` and the `results` by name."""
    from scanbook import reports

    root = tiny.copy_of_the_book(tmp_path_factory.mktemp("book"))
    overrides = {name: tiny.shrunk(name) for name in tiny.FIVE}
    results = reports.make_reports([*tiny.FIVE, "summary"], "sample", overrides=overrides, jobs=2, root=root)
    return SimpleNamespace(root=root, results={r.name: r for r in results}, overrides=overrides)


@pytest.fixture(scope="session")
def browser():
    from report import browser as looking

    with looking.launched() as running:
        yield running
