"""A server on loopback that can be as unkind as the network: it cuts, refuses, forgets and changes its files.

It also speaks the few calls of Kaggle's interface that the real client makes for a public set. The client has a setting
for a server on this machine, at the port for the web; a proxy variable leads that to ours, so that no port is claimed.
"""

import contextlib
import http.server
import json
import threading
import urllib.parse
from types import SimpleNamespace


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        state = self.server.state
        path = urllib.parse.urlsplit(self.path).path
        state.asked.append((path, self.headers.get("Range"), self.headers.get("Authorization")))
        status = state.statuses.pop(0) if state.statuses else 200
        if status != 200:
            return self._answer(status, b"no", {})
        if path in state.pages:
            return self._answer(200, state.pages[path], {"Content-Type": "text/html; charset=utf-8"})
        if path not in state.files:
            return self._answer(404, b"no", {})
        content, headers = state.files[path], {"Content-Type": "application/zip"}
        if state.etag:
            headers |= {"ETag": state.etag, "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
        if state.ranges:
            headers["Accept-Ranges"] = "bytes"
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, state.etag)
        if wanted and state.ranges and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self._answer(206, content[start:], headers)
        return self._answer(200, content, headers)

    def do_POST(self):
        state = self.server.state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        call = self.path.rsplit("/", 1)[-1]
        state.asked.append((call, body, self.headers.get("Authorization")))
        if call == "IntrospectToken":
            known = body["token"] == state.token
            return self._json(200 if known else 404, {"active": known, "username": "somebody"})
        if call == "GenerateAccessToken":
            known = body["refreshToken"] == "refresh"
            return self._json(200 if known else 401, {"token": state.token, "expiresIn": 3600, "userName": "somebody"})
        if call == "DownloadDataset":
            if state.kaggle_status != 200:
                return self._json(state.kaggle_status, {"code": state.kaggle_status, "message": "Permission denied"})
            slug = f"{body['ownerSlug']}/{body['datasetSlug']}"
            if f"/kaggle/{slug}" not in state.files:
                return self._json(404, {"code": 404, "message": "Not found"})
            return self._answer(302, b"", {"Location": f"http://localhost/kaggle/{slug}"})
        return self._json(501, {"code": 501, "message": f"{call} is not spoken here"})

    def _json(self, status, value):
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, status, content, headers):
        state = self.server.state
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        cut = state.cuts.pop(0) if state.cuts and status in (200, 206) and content else None
        with contextlib.suppress(OSError):  # the other side may have gone
            for start in range(0, len(content), 1 << 16):
                piece = content[start : start + (1 << 16)]
                if state.gate:
                    state.gate(start)
                if cut is not None and start + len(piece) > cut:
                    self.wfile.write(piece[: cut - start])
                    self.wfile.flush()
                    self.close_connection = True
                    return
                self.wfile.write(piece)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that hangs up is part of the tests."""


@contextlib.contextmanager
def server():
    """A running server: `url`, `files` (path -> bytes), `pages`, `asked`, and how it misbehaves: `cuts` (bytes after
    which each of the next answers breaks off), `statuses` of the next ones, `ranges`, `etag`, `kaggle_status`, and a
    `gate` that is called with the place of each piece before it is sent.
    """
    state = SimpleNamespace(files={}, pages={}, asked=[], cuts=[], statuses=[], ranges=True, etag='"one"',
                            kaggle_status=200, token="token", gate=None)  # fmt: skip
    running = _Server(("127.0.0.1", 0), _Handler)
    running.state = state
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state.url = f"http://127.0.0.1:{running.server_port}"
    try:
        yield state
    finally:
        running.shutdown()
        running.server_close()


def kaggle_environment(url, home):
    """Variables under which Kaggle's client speaks to `url` and finds an empty home; None: the variable is unset."""
    unset = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "KAGGLE_PROXY", "XDG_CONFIG_HOME",
             "KAGGLE_KERNEL_RUN_TYPE", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")  # fmt: skip
    given = {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "HOME": str(home), "USERPROFILE": str(home)}
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY"), url) | dict.fromkeys(("no_proxy", "NO_PROXY"), "")
    return {**dict.fromkeys(unset), **given, **proxies}
