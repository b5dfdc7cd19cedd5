"""Serve a web bundle's page, and take back what it measured."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from thimble.api.verify import opened
from thimble.core.errors import BadInput
from thimble.core.serving import LOCAL, Access, Page, Server
from thimble.core.study import Study
from thimble.deploy.result import DEVICE, read_result, study_of

HEADERS = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""What lets a page use threads in WebAssembly, where its address is https or this machine's own."""


@dataclass(frozen=True)
class Serving:
    """How a page is served: ``host`` is an address of this machine (``0.0.0.0``: the one that the network knows it by).

    ``port`` 0 is a free one. ``threads`` None is the study's number. ``at_once`` lets the page measure when it is opened.
    """

    host: str = LOCAL
    port: int = 0
    threads: int | None = None
    at_once: bool = False
    tell: Callable[[str], None] = field(default=lambda address: None)


@contextmanager
def serving(place: str | Path, how: Serving, take: Callable[[bytes], None]) -> Iterator[Server]:
    """A server of a web bundle's page, not running yet; ``take`` gets each result that a page sends.

    On another address than 127.0.0.1 the page's address holds a token that lets one browser in, once. Raises `BadInput` for a
    bundle that is damaged or for another target.
    """
    from thimble.deploy.manifest import MANIFEST, read_manifest
    from thimble.deploy.payload import verify as script

    host = reachable(how.host)
    with opened(place) as folder:
        manifest = read_manifest(folder)
        if manifest.target != "web":
            raise BadInput(f"{place} is a bundle for {manifest.target}; make one for browsers with thimble bundle --target web")
        try:
            script.check_files(folder, script.read_manifest(folder))
        except script.Differs as error:
            raise BadInput(f"{place}: {error}") from error
        pages: dict[str, Page] = {f"/{name}": folder / name for name in (MANIFEST, *(file.path for file in manifest.files))}
        pages["/"] = pages["/index.html"] = _index((folder / "index.html").read_bytes(), how)
        token = "" if ipaddress.ip_address(host).is_loopback else secrets.token_urlsafe(16)
        with Server(pages, how.port, HEADERS, Access(host, token, {"/results": take})) as server:
            yield server


def measured_in_browser(place: str | Path, how: Serving) -> Study:
    """Serve a web bundle's page until one browser has measured; return the study. ``how.tell`` receives the page's address."""
    found: list[Study] = []
    done = threading.Event()

    def take(content: bytes) -> None:
        found.append(imported(content, Path("the page's result")))
        done.set()

    with serving(place, how, take) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        how.tell(server.address)
        try:
            while not done.wait(0.5):  # Ctrl-C is noticed between waits
                pass
        finally:
            server.shutdown()
            thread.join()
    return found[0]


def imported(content: bytes, file: Path) -> Study:
    """The study of a result that a page saved or sent; raises `BadInput` in one line."""
    return study_of(read_result(content, file), file)


def is_browser(device: str) -> bool:
    """Return whether a device is ``browser`` or ``browser:HOST[:PORT]``."""
    return device.partition(":")[0] == DEVICE


def serving_at(device: str, tell: Callable[[str], None], threads: int | None = None) -> Serving:
    """How to serve for ``browser`` or ``browser:HOST[:PORT]``. Raises `BadInput` for another address."""
    address = device.partition(":")[2]
    parts = re.fullmatch(r"(?:http://)?([^:/]*)(?::(\d{1,5}))?/?", address)
    if parts is None or int(parts[2] or 0) > 65535:
        raise BadInput(f"{device} is no address; write browser, browser:192.168.1.7 or browser:192.168.1.7:8000")
    return Serving(parts[1] or LOCAL, int(parts[2] or 0), threads, at_once=True, tell=tell)


def reachable(host: str) -> str:
    """The address to listen on. Raises `BadInput` for what is no address of this machine in numbers."""
    if host == "localhost":
        return LOCAL
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise BadInput(
            f"--host {host} is no address in numbers; give this machine's, such as 192.168.1.7, or 0.0.0.0 to find it"
        ) from error
    if address.version != 4:
        raise BadInput(f"--host {host}: only addresses such as 192.168.1.7 are served")
    if not address.is_unspecified:
        return LOCAL if address.is_loopback else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only asks which address would be used
            return str(probe.getsockname()[0])
        except OSError as error:
            raise BadInput("this machine has no network; leave out --host") from error


def _index(page: bytes, how: Serving) -> bytes:
    """The page, told where results go, and whether to measure at once."""
    told = {"results": "results", "threads": str(how.threads or ""), "auto": "yes" if how.at_once else ""}
    lines = "\n".join(f'<meta name="thimble-{name}" content="{value}">' for name, value in told.items() if value)
    return page.replace(b"<head>", b"<head>\n" + lines.encode(), 1)
