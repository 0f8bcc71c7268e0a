"""The whole line runs once, small, for all tests that look at its pages, tables and runs."""

import os
from types import SimpleNamespace

import pytest
import tiny
from xdist.scheduler import LoadFileScheduling

os.environ.setdefault("OMP_NUM_THREADS", "1")

OF_THE_BOOK = ("test_line.py", "test_origins.py", "test_reader.py")  # their tests look at the book
LONGEST = ("book", "test_faults.py", "test_recipes.py", "test_resume.py", "test_devices.py", "test_reports.py")


def share_of(file):
    """What one worker takes: a file, or all files of the book, which is then made once."""
    name = file.rsplit("/", 1)[-1]
    return "book" if name in OF_THE_BOOK else name


class ByShare(LoadFileScheduling):
    """As `--dist loadfile`, but for the book."""

    def _split_scope(self, nodeid):
        return share_of(nodeid.split("::", 1)[0])


def pytest_xdist_make_scheduler(config, log):
    return ByShare(config, log)


def pytest_collection_modifyitems(items):
    """What takes longest comes first."""
    shares = {item: share_of(item.path.as_posix()) for item in items}
    items.sort(key=lambda item: LONGEST.index(shares[item]) if shares[item] in LONGEST else len(LONGEST))


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
