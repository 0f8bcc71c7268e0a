"""Bring the public sets to DATA_DIR/<folder>/: loaded, proven, unpacked, and left alone once they are there.

A set is there or it is not: everything on the way lies in a hidden folder beside its place (`sets_on_disk`). So a call
that was cut goes on, a call for a finished set does nothing, and of two calls at once the second waits. What came is
written down with its checksum, and compared with whatever comes from there later.
"""

import dataclasses
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from scanbook import getting_words as words
from scanbook import params
from scanbook.loaders.bringing import download, kaggle_download
from scanbook.loaders.bringing.archives import Refused, is_archive, unpack
from scanbook.loaders.bringing.download import DownloadFailed
from scanbook.report.progress import Board
from scanbook.sets_on_disk import Place

_FINISHED = "loaded"  # a file beside the archive: it is whole


class NotThere(RuntimeError):
    """A set could not be brought; the text is for a person. `hopeless`: no call could, for it has no source."""

    def __init__(self, text: str, *, hopeless: bool = False) -> None:
        super().__init__(text)
        self.hopeless = hopeless


def get_sets(root: Path, names: list[str], *, everything: bool = False) -> int:
    """Bring each set named, or all; the failure of one does not keep the others away. Neither: say what is there.

    root  the repository, with params/*.yaml

    Prints what happens. Returns the exit status: 0 when all that could be brought is there. Of `everything`, sets
    without a source do not count. Raises ParamsError for a name without parameter file.
    """
    known = sorted(file.stem for file in (root / "params").glob("*.yaml"))
    for name in names:
        if name not in known:
            raise params.ParamsError(f"no set {name!r}; there are: {', '.join(known)}{params.nearest(name, known)}")
    base = Path(os.environ.get("DATA_DIR") or root / "data").resolve()
    wanted = list(dict.fromkeys(names)) or known
    places = {name: Place(params.load(root / "params" / f"{name}.yaml", "full").data, base, root) for name in wanted}
    if not names and not everything:
        for name, place in places.items():
            print(f"{name:<8}{'there' if place.holds_a_set() else 'not there'}; {words.source_of(place.data)}")
        print(f"scanbook data NAME… brings some of them, --all every one ({words.data_dir_is(base)})")
        return 0
    missing = 0
    for name, place in places.items():
        try:
            with Board(every=10.0) as board:
                board.say(name, words.wrapped(bring(name, place, board), margin=8))
        except NotThere as problem:
            missing += not (everything and problem.hopeless)
            print(words.wrapped(f"{problem}\n({words.data_dir_is(base)})"), file=sys.stderr)
        except KeyboardInterrupt:
            print(f"{name}: interrupted; what came is kept, and the same command goes on from there", file=sys.stderr)
            return 130
    return 1 if missing else 0


def bring(name: str, place: Place, board: Board) -> str:
    """Bring one set to its place, from the archive that lies there or else from its source.

    Returns the sentence that says what is there. Raises NotThere, and leaves no half set behind.
    """
    source = place.data.source
    try:
        if not (place.holds_a_set() or place.archives() or (source and source.kind != "none")):
            raise NotThere(words.no_source(name, place.data), hopeless=True)
        with place.alone(lambda text: board.say(name, text)):
            there = place.holds_a_set()
            if not there:
                with place.workshop() as work:
                    _make(name, place, work, board)
            return _described(name, place, there)
    except DownloadFailed as error:
        failure = error
    except OSError as error:
        if error.errno not in download.FULL:
            raise NotThere(f"{name}: DATA_DIR/{place.data.folder} cannot be made: {error}") from error
        failure = DownloadFailed("full", f"the disk is full: {error.strerror}")
    kept = place.shown(place.part) if place.part.parent == place.base and place.part.exists() else ""
    raise NotThere(words.failed(name, place.data, failure, found=kaggle_download.credentials(), kept=kept)) from failure


def _make(name: str, place: Place, work: Path, board: Board) -> None:
    """Find or load the archive, unpack it, write down what it was, and let the set appear."""
    data, source = place.data, place.data.source
    lying, known = place.archives(), place.known()
    if len(lying) > 1:
        raise NotThere(words.several(name, data, [place.shown(path) for path in lying]))
    archive = lying[0] if lying else _load(name, place, work, known, board)
    origin = f"{archive.name}, put there by hand" if lying else words.source_of(data)
    board.update(name, f"checking {archive.name}")
    facts = {"from": origin, "archive": archive.name, "sha256": _sha256(archive)}
    try:
        unpacked = unpack(
            archive,
            work / "set",
            expected=words.tops(data),
            rename=source.rename if source else None,
            progress=words.Meter(board, name, "unpacking"),
        )
    except Refused as error:
        if not lying:
            _discard(archive)
        raise NotThere(words.refused(name, data, place.shown(archive) if lying else "", error)) from error
    if known.get("from") == origin and not lying and known.get("contents") != unpacked.contents:
        _discard(archive)
        raise NotThere(words.changed(name, data, known["at"]))
    cited = {"licence": source.licence, "citation": source.citation} if source else {}
    place.remember({**facts, **cited, **dataclasses.asdict(unpacked)})
    place.publish(work / "set")


def _load(name: str, place: Place, work: Path, known: dict[str, Any], board: Board) -> Path:
    """The archive from the set's source, whole; one that an earlier call had finished is taken as it is."""
    source, finished = place.data.source, work / _FINISHED
    assert source is not None
    archive = work / place.archive_name
    if finished.exists() and archive.exists():
        return archive
    meter = words.Meter(board, name, "loading")

    def say(text: str) -> None:
        board.say(name, text)

    board.update(name, f"loading {words.source_of(place.data)}")
    if source.slug:
        kaggle_download.fetch_kaggle(source.slug, work, progress=meter, say=say)
    else:
        unpublished = not (source.md5 or source.sha256) and known.get("from") == words.source_of(place.data)
        sha256 = known["sha256"] if unpublished else source.sha256  # without a published sum, what came first counts
        url = source.url or ""
        download.fetch_url(url, archive, size=source.size, md5=source.md5, sha256=sha256, progress=meter, say=say)
    finished.touch()
    return archive


def _discard(archive: Path) -> None:
    archive.unlink()
    (archive.parent / _FINISHED).unlink()


def _described(name: str, place: Place, there: bool) -> str:
    """What is there, in a sentence. Raises NotThere where it is not what the parameter file describes."""
    data, known = place.data, place.known()
    if known and (gone := known["files"] - place.files()) > 0:
        raise NotThere(words.fewer(name, data, gone, known["files"]))
    try:
        counts = place.images_by_class()
    except ValueError as error:
        archives = [path.name for path in place.inside() if is_archive(path)]
        raise NotThere(words.another_layout(name, data, str(error), archives)) from error
    return words.there_already(counts, known) if there else words.there_now(data, counts, known)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
