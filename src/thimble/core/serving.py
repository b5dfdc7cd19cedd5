"""The only server that Thimble starts: on this machine, for its own address, and for the pages that it is given.

A page of a stranger in the same browser can send requests here, even under a name of its own that it has lead to 127.0.0.1 (DNS
rebinding). So a request that names another host is answered with 403, and nothing may be read across origins.
"""

from __future__ import annotations

import http.server
import mimetypes
import socketserver
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import ThimbleError

LOCAL = "127.0.0.1"
Page = Path | bytes | Callable[[], bytes]
"""What is behind an address: a file, its contents, or what makes them."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves pages by their addresses, such as ``/index.html``; a context manager. Nothing else on the disk can be had.

    ``headers`` are added to every answer. Raises `ThimbleError` for a port that can't be had; port 0 is a free one.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, pages: Mapping[str, Page], port: int = 0, headers: Mapping[str, str] | None = None) -> None:
        self.pages, self.headers = dict(pages), dict(headers or {})
        try:
            super().__init__((LOCAL, port), _Handler)
        except OSError as error:
            raise ThimbleError(f"can't serve on port {port}: {error.strerror or error}; choose another with --port") from error

    @property
    def address(self) -> str:
        """The address of its first page."""
        return f"http://{LOCAL}:{self.server_port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which it answers."""
        return tuple(f"{name}:{self.server_port}" for name in (LOCAL, "localhost"))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the error: a browser may hang up at any time."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "Thimble", ""
    timeout = 30
    """Seconds that a request may take to come."""
    safe: ClassVar[dict[str, str]] = {
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Cache-Control": "no-store",
    }

    def do_GET(self) -> None:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            self._answer(403, "text/plain", b"this server answers its own address only")
            return
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        page = self.server.pages.get(path)
        try:
            content = page.read_bytes() if isinstance(page, Path) else page() if callable(page) else page
        except OSError:
            content = None
        if content is None:
            self._answer(404, "text/plain", b"there is no such page")
            return
        self._answer(200, _type_of(path), content)

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **self.safe, **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log no requests."""


def _type_of(path: str) -> str:
    """Return the media type of a page: browsers are told not to guess, and would offer an unknown type as a download."""
    if path.endswith("/"):
        return "text/html"
    if path.endswith((".js", ".mjs")):
        return "text/javascript"
    return mimetypes.guess_type(path)[0] or "application/octet-stream"
