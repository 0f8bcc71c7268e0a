"""Kaggle's own client, in a process that lives for one download: `python -m scanbook.loaders.bringing.kaggle_child JOB`.

Importing the client signs in, prints, may make folders in the home and may reach the network; it takes the program's
own arguments for its own. None of that may happen to a notebook, so the client never runs in ours. This process speaks
JSON lines on standard output: the size once it is known, what the client said, and how it ended.
"""

import contextlib
import io
import json
import os
import sys
import threading
from typing import Any


def _tell(event: dict[str, Any]) -> None:
    print(json.dumps(event), file=sys.__stdout__, flush=True)


class _Said(io.TextIOBase):
    """Takes the place of standard output: each line the client prints becomes an event."""

    def __init__(self) -> None:
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in filter(str.strip, lines):
            _tell({"event": "said", "text": line.strip()})
        return len(text)


class _Nowhere(io.TextIOBase):
    """Takes the place of standard error, where the client draws a bar of its own."""

    def write(self, text: str) -> int:
        return len(text)


def _end_with_the_parent() -> None:
    """Standard input is a pipe that only the parent holds; without it, nobody waits for the download."""
    sys.stdin.buffer.read()
    os._exit(143)


def _download(slug: str, folder: str, retries: int) -> None:
    # The client lets a public set be loaded without an account only where these are the program's arguments.
    sys.argv = ["kaggle", "datasets", "download", slug]
    import kaggle

    api = kaggle.api
    if not api._authenticated:
        api.authenticate()
    _tell({"event": "signed in", "how": str(api.config_values.get("auth_method", "anonymous"))})
    download_file = api.download_file

    def counted(response: Any, outfile: str, http_client: Any, quiet: bool = True, resume: bool = False) -> None:
        length = response.headers.get("Content-Length")
        _tell({"event": "size", "bytes": int(length) if length else None})
        download_file(response, outfile, http_client, quiet, resume, max_retries=retries)

    api.download_file = counted
    api.dataset_download_files(slug, path=folder, quiet=False)


def _ending(error: BaseException) -> dict[str, Any]:
    """What went wrong, as plain values: status of an answer, number of a system error, or the text alone."""
    import requests

    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        if status < 400:  # the client also raises for an error that comes inside a good answer
            status = error.response.json().get("code", 500)
        return {"why": "http", "status": status, "text": text}
    if isinstance(error, requests.exceptions.SSLError):
        return {"why": "certificate", "text": text}
    if isinstance(error, requests.RequestException) or "does not match expected size" in text:
        return {"why": "connection", "text": text}
    if isinstance(error, OSError):
        return {"why": "system", "errno": error.errno, "text": text}
    if isinstance(error, SystemExit):
        return {"why": "credentials", "text": "the client found no way to sign in"}
    return {"why": "client", "text": f"{type(error).__name__}: {text}"}


def main(job: str) -> int:
    """Do the download that the job names; 0 when the archive is there, whole by its size."""
    wanted = json.loads(job)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        with contextlib.redirect_stdout(_Said()), contextlib.redirect_stderr(_Nowhere()):
            _download(wanted["slug"], wanted["folder"], wanted["retries"])
    except BaseException as error:  # told to the parent, which puts it into words; nothing is swallowed
        _tell({"event": "failed", **_ending(error)})
        return 1
    _tell({"event": "done"})
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)  # no wait for threads of connections that nobody needs
