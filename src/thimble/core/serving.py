"""The only server that Thimble starts: for its own address, for the pages that it is given, and on this machine unless asked.

A page of a stranger in the same browser can send requests here, even under a name of its own that it has lead to 127.0.0.1 (DNS
rebinding). So a request that names another host is answered with 403, nothing may be read across origins, and nothing is taken
from another origin's page. On another address than this machine's own, a token in the first request lets one browser in, once.
"""

from __future__ import annotations

import hmac
import http.cookies
import http.server
import mimetypes
import secrets
import socketserver
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import ThimbleError

LOCAL = "127.0.0.1"
Page = Path | bytes | Callable[[], bytes]
"""What is behind an address: a file, its contents, or what makes them."""
COOKIE = "thimble"
LARGEST_POST = 32 * 1024 * 1024
"""Bytes that a page may send."""


@dataclass(frozen=True)
class Access:
    """Who may reach a server: ``host`` is the address that it listens on, ``token`` what the first request must name (none: no token).

    ``posts`` takes what pages send, by path; what it raises as `ThimbleError` is their answer, with the status 400.
    """

    host: str = LOCAL
    token: str = ""
    posts: Mapping[str, Callable[[bytes], None]] = field(default_factory=dict)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves pages by their addresses, such as ``/index.html``; a context manager. Nothing else on the disk can be had.

    ``headers`` are added to every answer. Raises `ThimbleError` for a port that can't be had; port 0 is a free one.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, pages: Mapping[str, Page], port: int = 0, headers: Mapping[str, str] | None = None, access: Access | None = None
    ) -> None:
        self.pages, self.headers, self.access = dict(pages), dict(headers or {}), access or Access()
        self.session, self.unused = secrets.token_urlsafe(24), bool(self.access.token)
        try:
            super().__init__((self.access.host, port), _Handler)
        except OSError as error:
            at, word = (f"port {port}", "--port") if self.access.host == LOCAL else (f"{self.access.host}, port {port}", "--host or --port")
            raise ThimbleError(f"can't serve on {at}: {error.strerror or error}; choose another with {word}") from error

    @property
    def address(self) -> str:
        """The address of its first page, with the token where one is needed."""
        token = f"/?token={self.access.token}" if self.access.token else ""
        return f"http://{self.access.host}:{self.server_port}{token}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which it answers."""
        names = (LOCAL, "localhost") if self.access.host == LOCAL else (self.access.host,)
        return tuple(f"{name}:{self.server_port}" for name in names)

    def admit(self, token: str) -> bool:
        """Whether this is the token, for the first time."""
        if not self.unused or not hmac.compare_digest(token.encode(), self.access.token.encode()):
            return False
        self.unused = False
        return True

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
        if not self._known_host() or not self._admitted():
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

    def do_POST(self) -> None:
        if not self._known_host() or not self._admitted():
            return
        take = self.server.access.posts.get(urllib.parse.urlsplit(self.path).path)
        length = self.headers.get("Content-Length", "")
        if not self.server.access.posts:
            self._answer(501, "text/plain", b"this server takes nothing")
        elif take is None:
            self._answer(404, "text/plain", b"there is no such page")
        elif self.headers.get("Origin") != f"http://{self.headers['Host']}" or self.headers.get_content_type() != "application/json":
            self._answer(403, "text/plain", b"this server takes what its own pages send")
        elif not (length.isascii() and length.isdigit() and int(length) <= LARGEST_POST):
            self._answer(413, "text/plain", b"too large")
        else:
            content = self.rfile.read(int(length))
            try:
                take(content)
            except ThimbleError as error:
                self._answer(400, "text/plain; charset=utf-8", str(error).encode())
            else:
                self._answer(200, "application/json", b"{}")

    def _known_host(self) -> bool:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) == 1 and hosts[0].lower() in self.server.hosts:
            return True
        self._answer(403, "text/plain", b"this server answers its own address only")
        return False

    def _admitted(self) -> bool:
        """Whether this browser was let in; lets it in, and sends it on to the page, where it brings the token."""
        server = self.server
        if not server.access.token:
            return True
        try:
            cookie = http.cookies.SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except http.cookies.CookieError:
            cookie = None
        if cookie and hmac.compare_digest(cookie.value.encode(), server.session.encode()):
            return True
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("token", [""])[0]
        if self.command == "GET" and server.admit(token):
            self.send_response(303)
            self.send_header("Location", "/")
            self.send_header("Set-Cookie", f"{COOKIE}={server.session}; Path=/; HttpOnly; SameSite=Strict")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._answer(403, "text/plain", b"open the address that thimble serve printed; it lets one browser in, once")
        return False

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
    """Return the media type of a page; a browser that must not guess would offer an unknown type as a download."""
    if path.endswith("/"):
        return "text/html"
    if path.endswith((".js", ".mjs")):
        return "text/javascript"
    return mimetypes.guess_type(path)[0] or "application/octet-stream"
