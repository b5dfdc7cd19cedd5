"""The server answers its own address with its own pages, and nothing else."""

from __future__ import annotations

import http.client
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from thimble.core.errors import ThimbleError
from thimble.core.serving import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "model.onnx").write_bytes(b"model")
    (tmp_path / "secret").write_bytes(b"secret")
    pages = {"/": b"<p>page</p>", "/data/model.onnx": tmp_path / "model.onnx", "/gone": tmp_path / "gone", "/made": lambda: b"made"}
    with Server(pages) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def asked(server: Server, path: str, host: str | None = None, method: str = "GET") -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def test_its_own_pages_under_its_own_names(server: Server) -> None:
    assert asked(server, "/")[:2] == (200, b"<p>page</p>")
    assert asked(server, "/data/model.onnx?x=1", f"localhost:{server.server_port}")[:2] == (200, b"model")
    assert asked(server, "/made")[:2] == (200, b"made")
    assert asked(server, "/data/model.onnx", method="HEAD")[:2] == (200, b"")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", "", "localhost.evil:{port}"]
)
def test_other_hosts_are_refused(server: Server, host: str) -> None:
    status, content, _ = asked(server, "/data/model.onnx", host.format(port=server.server_port))
    assert (status, b"model" in content) == (403, False)


@pytest.mark.parametrize("path", ["/data/secret", "/secret", "/data/../secret", "/data/%2e%2e/secret", "//etc/passwd", "/gone", "/data/"])
def test_nothing_else_is_there(server: Server, path: str) -> None:
    status, content, _ = asked(server, path)
    assert (status, b"secret" in content) == (404, False)


def test_other_methods_and_origins_get_nothing(server: Server) -> None:
    assert asked(server, "/", method="POST")[0] == 501
    headers = asked(server, "/")[2]
    assert (headers["Access-Control-Allow-Origin"], headers["Cross-Origin-Resource-Policy"]) == (None, "same-origin")


def test_a_port_that_is_taken_is_told(server: Server) -> None:
    with pytest.raises(ThimbleError, match="choose another with --port"):
        Server({}, server.server_port)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/index.html", "text/html"), ("/view.js", "text/javascript"), ("/data/m.onnx", "application/octet-stream")],
)
def test_a_browser_is_told_what_a_page_is(path: str, kind: str) -> None:
    with Server({path: b"content"}) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.handle_request)
        with urllib.request.urlopen(server.address + path, timeout=10) as answer:
            assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == (kind, "nosniff")
