"""A command that dies of foreign code ends in one line and an exit code, never without a word.

A user's network or a library may end the interpreter: a segmentation fault, ``os._exit``. So the command is carried out
in a child process, forked before anything is imported, and its parent waits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

from thimble.cli._say import say_aside

FORWARDED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name))


def watched() -> Callable[[int], None]:
    """Go on in a child process; gives a function to be called with the exit code when the command is done.

    The parent never returns: it passes signals on and exits as the child does, with a line where the child could say none.
    Where the system can't wait for signals nothing is forked.
    """
    if not hasattr(signal, "sigwaitinfo"):
        return lambda code: None
    reading, writing = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*FORWARDED, signal.SIGCHLD})
    parent, child = os.getpid(), os.fork()
    if child == 0:
        os.close(reading)
        _end_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return lambda code: _tell(writing, code)
    os.close(writing)
    status = _waited(child)
    os.set_blocking(reading, False)
    with contextlib.suppress(BlockingIOError):
        if told := os.read(reading, 1):
            sys.exit(told[0])
    sys.exit(_said(status))


def _waited(child: int) -> int:
    """The child's end; signals that a process sent are passed on, those of the terminal reach the child by themselves."""
    while True:
        info = signal.sigwaitinfo({*FORWARDED, signal.SIGCHLD})
        if info.si_signo == signal.SIGCHLD:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return status
        elif info.si_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, info.si_signo)


def _tell(writing: int, code: int) -> None:
    with contextlib.suppress(OSError):
        os.write(writing, bytes([code & 255]))


def _said(status: int) -> int:
    """Say how a child ended that told no exit code, and give one."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name
        if number == signal.SIGALRM:
            say_aside("thimble: the model's own code did not return in time and caught every attempt to end it; this process was ended")
            return 128 + number
        why = " (out of memory?)" if number == signal.SIGKILL else ""
        say_aside(f"thimble: this process was ended by {name}{why}: the model's own code or a library crashed; --debug shows where")
        return 128 + number
    code = os.WEXITSTATUS(status)
    say_aside(f"thimble: the model's own code or a library ended this process with exit code {code} before the command was done")
    return code or 1


def _end_with(parent: int) -> None:
    """On Linux, end at once when the parent is gone, however it went."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
