"""Ends code that isn't ours where it never returns: a user's function, a file's loop."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from thimble.core.errors import BadInput, OutOfTime

BUILDING_S = 600.0
"""How long a user's function may take to give its network."""
SAMPLE_S = 120.0
"""How long a file may compute on one sample while it is opened."""
REPEAT_S = 1.0
"""How often code that catches every exception is ended again."""
ENDINGS = 5
"""How often at most, before the process is ended where `let_die` allows it."""

_may_die = False
_until: ContextVar[float | None] = ContextVar("_until", default=None)


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Users' functions that are called inside the block are ended when so many seconds have passed; ``None`` is no limit."""
    token = _until.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def let_die() -> None:
    """Allow `returning` to end this process by SIGALRM where code catches every exception. For processes that others wait for."""
    global _may_die
    _may_die = True


@contextmanager
def returning(what: str, most_s: float | None = None) -> Iterator[None]:
    """End a block of Python that goes on for longer than ``most_s``, or than what is left of the time of `within`.

    Raises `BadInput` for the first and `OutOfTime` for the second, from inside the block. Outside the main thread, and on systems
    without alarms, nothing is ended.
    """
    until = _until.get()
    left = None if until is None else until - time.monotonic()
    limits = [limit for limit in (most_s, left) if limit is not None]
    if not limits or not _possible():
        yield
        return
    error: type[BadInput | OutOfTime] = OutOfTime if left is not None and left <= min(limits) else BadInput
    words = "the time budget was used up" if error is OutOfTime else f"it did not return within {min(limits):g} s"

    ended = 0

    def end(*_: object) -> None:
        nonlocal ended
        ended += 1
        if _may_die and ended >= ENDINGS:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the next alarm ends the process
        raise error(f"{what} was ended: {words}")

    with _alarm(max(0.01, min(limits)), end):
        yield


@contextmanager
def killed_after(seconds: float) -> Iterator[None]:
    """Let the system end this process where the block takes longer, whatever foreign code it is stuck in. For child processes."""
    if not _possible():
        yield
        return
    with _alarm(seconds, signal.SIG_DFL):
        yield


def _possible() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextmanager
def _alarm(seconds: float, handler: Any) -> Iterator[None]:
    """Another alarm that was set before is set again afterwards, with what is left of it."""
    before, begun = signal.signal(signal.SIGALRM, handler), time.monotonic()
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        with contextlib.suppress(TypeError):  # a handler that was not set from Python can't be put back
            signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left - (time.monotonic() - begun)))
