"""Signals that ask a command to end: it ends as after Ctrl-C, with what is known written, and says which one it was."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

ASKING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name))
"""Signals that ask a process to end, besides that of Ctrl-C."""

_given: list[int] = []


def heed() -> None:
    """From now on the signals in `ASKING` raise `KeyboardInterrupt`, once; a second one is ignored while the first is followed.

    Those that were ignored before stay so, as `nohup` wants it.
    """
    terminals = [number for number in (1, 2) if os.isatty(number)]

    def end(number: int, frame: FrameType | None) -> None:
        for other in ASKING:
            signal.signal(other, signal.SIG_IGN)
        _given.append(number)
        if number == getattr(signal, "SIGHUP", None):
            _leave(terminals)
        raise KeyboardInterrupt

    for number in ASKING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def interrupted_code() -> int:
    """The exit code of a command that was asked to end: 128 and the signal's number."""
    return 128 + (_given[0] if _given else signal.SIGINT)


def _leave(terminals: list[int]) -> None:
    """Write to nowhere what would go to a terminal that is gone: each attempt would be an error."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in terminals:
            os.dup2(nowhere, number)
