"""The parent's end of the process that carries out steps: it asks, listens, and survives what happens there."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import msgspec

from thimble.core import errors
from thimble.core.distribution import distribution_of
from thimble.core.errors import MissingExtra, OutOfTime, StepFailed, ThimbleError
from thimble.core.patience import SAMPLE_S
from thimble.core.pythons import THIS, Python, python_of
from thimble.core.registry import RUNTIMES, STEPS
from thimble.core.step import Progress, silent
from thimble.engine.requests import Request
from thimble.formats import format_of


class StepsProcess:
    """The child processes that carry out steps, one for each Python that steps need (`thimble.core.pythons`). A context manager.

    A child is started when it is first needed, kept for further steps, and started again after a crash.
    """

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}
        self._failed: dict[str, StepFailed] = {}

    def __enter__(self) -> StepsProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, request: Request, progress: Progress = silent, deadline: float | None = None) -> dict[str, Any]:
        """Carry out the request; gives what the child tells of the result.

        ``deadline`` is a time of `time.monotonic` after which the child is ended, and so it is where ``progress`` raises
        `OutOfTime`. Raises the error that the child reported, `StepFailed` where it crashed, `OutOfTime` where it was ended; the
        same error again where the same step is asked for again.
        """
        python = _python_for(request)
        child = self._children.get(python.path) or self._children.setdefault(python.path, _Child(python))
        if request.step is None:
            return child.ask(request, progress, deadline)
        if request.key in self._failed:
            raise self._failed[request.key]
        try:
            return child.ask(request, progress, deadline)
        except StepFailed as error:
            self._failed[request.key] = error
            raise

    def pid(self) -> int | None:
        """The process id of the child in this Python; ``None`` where there is none."""
        child = self._children.get(THIS.path)
        return child.process.pid if child and child.process else None

    def stop(self) -> None:
        """End every child."""
        while self._children:
            self._children.popitem()[1].stop()


class _Child:
    """One process in one Python: it is asked, listened to, and ended."""

    def __init__(self, python: Python) -> None:
        self.python = python
        self.process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the object)
        self._buffer = b""

    def ask(self, request: Request, progress: Progress, deadline: float | None) -> dict[str, Any]:
        """Send the request and wait for what becomes of it."""
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
                    raise _error_of(message, self.python)
        except BrokenPipeError as error:
            raise self._crashed(child) from error
        except (KeyboardInterrupt, GeneratorExit, OutOfTime):
            self.stop()
            raise

    def stop(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)  # what a converter has started, too
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream:
                    stream.close()
        self.process, self._buffer = None, b""

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self.stop()
            self._log.truncate(0)
            environment = {**self.python.environment(), "PYTHONWARNINGS": "ignore"}
            self.process = subprocess.Popen(
                _command(self.python),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        return self.process

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


def _python_for(request: Request) -> Python:
    """The Python that can do what is asked: a step's; for a file, the one of its own runtime, whose library reads it."""
    if request.step in STEPS.names():
        return python_of(STEPS.get(str(request.step)))
    told = request.artifact.format if request.artifact else request.look_through[1] if request.look_through else None
    format = None if request.step else told or format_of(Path(request.model.spec))
    able = [cls for cls in RUNTIMES.all().values() if cls.formats[0] == format]
    found = [one for cls in able if (one := python_of(cls)).holds(cls.needs)]
    return THIS if THIS in found or not found else found[0]


def _command(python: Python) -> list[str]:
    """What starts a child; another Python reads Thimble's source from here. Raises `StepFailed` where it lacks what that imports."""
    if python.here:
        return [python.path, "-m", "thimble.engine.child"]
    if absent := python.lacking():
        packages = " ".join(f"'{one}'" for one in absent)
        raise StepFailed(
            f"{python.path} lacks {len(absent)} packages that steps need; install them: {python.path} -m pip install {packages}"
        )
    return [python.path, "-c", _BOOT, str(Path(errors.__file__).parents[1])]


_BOOT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("thimble", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
sys.modules["thimble"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from thimble.engine.child import main
main()
"""
"""Only Thimble itself is imported from its folder's place: the packages beside it are another environment's."""


def _error_of(message: dict[str, Any], python: Python) -> ThimbleError:
    """The child's error as the same class here, with the child's text; a missing library is told with the Python that lacks it."""
    cls: type[ThimbleError] = getattr(errors, message["error"], StepFailed)
    made = cls.__new__(cls)
    text = message["text"]
    if cls is MissingExtra and not python.here:
        module = text.partition(" is not installed")[0]
        text = f"{python.path} has no {module}; install it there, with: {python.path} -m pip install {distribution_of(module)}"
    Exception.__init__(made, text)
    if "trace" in message:
        made.add_note(message["trace"])
    return made
