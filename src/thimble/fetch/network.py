"""What downloads share: they give up when nothing answers, and say why in a few words."""

from __future__ import annotations

import contextlib
import http.client
import socket
import urllib.error
from collections.abc import Iterator

PATIENCE_S = 20.0
"""Seconds without an answer after which a host counts as unreachable."""
UNREACHABLE = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
"""What Python's own downloads raise where there is no network, or nothing behind it."""


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Connections opened inside the block give up after `PATIENCE_S` without an answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def why(error: BaseException) -> str:
    """The reason without the wrapping: ``Name or service not known``."""
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner) or type(error).__name__
