"""The whole line runs once, small, for all tests that look at its pages, tables and runs."""

import os
import tempfile
from types import SimpleNamespace

import pytest
import tiny
from xdist.scheduler import LoadFileScheduling

os.environ.setdefault("OMP_NUM_THREADS", "1")

# the files whose tests look at the book, and the shares of the work that take longest
OF_THE_BOOK = ("tests/test_line.py", "tests/report/test_origins.py", "tests/test_reader.py")
LONGEST = ("book", *(f"tests/test_{name}.py" for name in ("faults", "recipes", "resume", "devices", "reports")))


def share_of(nodeid):
    """What one worker takes: a file, or all files of the book, which is then made once."""
    file = nodeid.split("::", 1)[0]
    return "book" if file in OF_THE_BOOK else file


class ByShare(LoadFileScheduling):
    """As `--dist loadfile`, but for the book."""

    def _split_scope(self, nodeid):
        return share_of(nodeid)


def pytest_configure(config):
    """One drawing of the phantoms for all books of all workers, which inherit the variable."""
    if not hasattr(config, "workerinput"):
        config.drawn = tempfile.TemporaryDirectory(prefix="phantoms-", ignore_cleanup_errors=True)
        os.environ[tiny.DRAWN] = config.drawn.name


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        config.drawn.cleanup()


def pytest_xdist_make_scheduler(config, log):
    return ByShare(config, log)


def pytest_collection_modifyitems(items):
    """What takes longest comes first."""
    places = {share: place for place, share in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(share_of(item.nodeid), len(places)))


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
