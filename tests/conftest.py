"""The whole line runs once, small, for all tests that look at its pages, tables and runs."""

import os
from types import SimpleNamespace

import pytest
import tiny

os.environ.setdefault("OMP_NUM_THREADS", "1")

OF_THE_BOOK = ("test_line.py", "test_origins.py", "test_reader.py")  # their tests look at the book
LONGEST = ("book", "test_faults.py", "test_recipes.py", "test_resume.py", "test_devices.py", "test_reports.py")


def pytest_collection_modifyitems(items):
    """A worker takes a whole file, one takes all files of the book, which is then made once; the longest come first."""
    groups = {item: "book" if item.path.name in OF_THE_BOOK else item.path.name for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: LONGEST.index(groups[item]) if groups[item] in LONGEST else len(LONGEST))


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
