"""The parent's end of the process that carries out steps: it asks, listens, and survives what happens there."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from typing import IO, Any

import msgspec

from thimble.core import errors, temporary
from thimble.core.errors import OutOfTime, StepFailed, ThimbleError
from thimble.core.patience import SAMPLE_S
from thimble.core.step import Progress, silent
from thimble.engine.requests import Request


class StepsProcess:
    """One child process for many steps, started when first needed and again after a crash. A context manager."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the object)
        self._buffer = b""
        self._failed: dict[str, StepFailed] = {}

    def __enter__(self) -> StepsProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.close()

    def ask(self, request: Request, progress: Progress = silent, deadline: float | None = None) -> dict[str, Any]:
        """Carry out the request; gives what the child tells of the result.

        ``deadline`` is a time of `time.monotonic` after which the child is ended, and so it is where ``progress`` raises
        `OutOfTime`. Raises the error that the child reported, `StepFailed` where it crashed, `OutOfTime` where it was ended; the
        same error again where the same step is asked for again.
        """
        if request.step is None:
            return self._asked(request, progress, deadline)
        if request.key in self._failed:
            raise self._failed[request.key]
        try:
            return self._asked(request, progress, deadline)
        except StepFailed as error:
            self._failed[request.key] = error
            raise

    def _asked(self, request: Request, progress: Progress, deadline: float | None) -> dict[str, Any]:
        child = self._started()
        assert child.stdin is not None
        try:
            child.stdin.write(msgspec.json.encode(request) + b"\n")
            child.stdin.flush()
            while True:
                message = self._next(child, deadline)
                if "progress" in message:
                    progress(message["progress"], message["words"])
                elif "done" in message:
                    done: dict[str, Any] = message["done"]
                    return done
                else:
                    raise _error_of(message)
        except BrokenPipeError as error:
            raise self._crashed(child) from error
        except (KeyboardInterrupt, GeneratorExit, OutOfTime):
            self.stop()
            raise

    def stop(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)  # what a converter has started, too
            self._child.kill()
            self._child.wait()
            for stream in (self._child.stdin, self._child.stdout):
                if stream:
                    stream.close()
        self._child, self._buffer = None, b""

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.stop()
            self._log.truncate(0)
            command = [sys.executable, "-m", "thimble.engine.child"]
            environment = {**temporary.environment(), "PYTHONWARNINGS": "ignore"}
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=environment, start_new_session=True, bufsize=0
            )
        return self._child

    def _next(self, child: subprocess.Popen[bytes], deadline: float | None) -> dict[str, Any]:
        """The child's next message; waits without using the processor."""
        assert child.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(child.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not ready.select(left):
                    self.stop()
                    raise OutOfTime("the step was ended: the time budget was used up")
                data = os.read(child.stdout.fileno(), 65536)
                if not data:
                    raise self._crashed(child)
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = msgspec.json.decode(line)
        return message

    def _crashed(self, child: subprocess.Popen[bytes]) -> StepFailed:
        code = child.wait()
        if code == -signal.SIGALRM:
            self.stop()
            return StepFailed(f"the model gave no output for one sample within {SAMPLE_S:g} s, and its process was ended")
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if code == -signal.SIGKILL:
            how += " (out of memory?)"
        self._log.seek(0)
        lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        self.stop()
        return StepFailed(f"the step's process {how}{': ' + lines[-1].strip() if lines else ''}")


def _error_of(message: dict[str, Any]) -> ThimbleError:
    """The child's error as the same class here, with the child's text."""
    cls: type[ThimbleError] = getattr(errors, message["error"], StepFailed)
    made = cls.__new__(cls)
    Exception.__init__(made, message["text"])
    if "trace" in message:
        made.add_note(message["trace"])
    return made
