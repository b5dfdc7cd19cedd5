"""The parent's end of a measurement: a worker process that holds one opened artifact."""

from __future__ import annotations

import contextlib
import inspect
import json
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from thimble.core.artifact import Artifact
from thimble.core.errors import MissingExtra, OutOfTime, RuntimeFailed
from thimble.core.model import renamed
from thimble.core.pythons import Python, python_of
from thimble.core.registry import RUNTIMES
from thimble.core.subject import Subject
from thimble.core.values import first_line
from thimble.devices import wire, worker
from thimble.devices.machine import THIS, Machine

if TYPE_CHECKING:
    from thimble.core.task import Arrays

TIMEOUT_S = 600.0
"""How long one request may take before the worker is ended."""


@dataclass(frozen=True)
class Opened:
    """What opening cost: importing the runtime, the resident memory of the empty runtime, and loading the artifact.

    ``precision`` is the floating-point type that the runtime says it computes in; empty where it doesn't tell. ``arena_bytes`` is the
    memory for tensors, where the runtime reserves that itself.
    """

    runtime_ms: float
    empty_mb: float
    load_ms: float
    precision: str = ""
    arena_bytes: int | None = None


@dataclass(frozen=True)
class Slice:
    """Milliseconds of some inferences, one after another.

    ``quiet`` says of each that no thread had to wait for a core that another program held. ``cores`` is how many cores the
    process kept busy on average.
    """

    samples_ms: list[float]
    quiet: list[bool]
    cores: float


class Worker:
    """A fresh process with one artifact in it; a context manager that opens on entry.

    Every method blocks in a read, so the parent uses no processor time while the worker measures. All of them
    raise `RuntimeFailed` with one line when the artifact can't be opened or run, when the process died (its
    signal and last words are told) and when it took longer than ``timeout_s``.
    """

    def __init__(self, subject: Subject, timeout_s: float = TIMEOUT_S) -> None:
        self.subject, self.timeout_s = subject, timeout_s
        self.deadline: float | None = None
        self.opened: Opened | None = None
        self.machine: Machine = THIS
        self.remote_pid = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._running.pid

    def open(self) -> Opened:
        """Start the process, import the runtime and open the artifact. Opening twice gives the first one's figures."""
        if self.opened is not None:
            return self.opened
        try:
            self._start()
            runtime = self._ask({"do": "load", "format": self.subject.artifact.format})
            self.remote_pid = int(runtime.get("pid", 0))
            self._ask({"do": "pin", "cores": self.machine.cores_for(self.subject.threads)})
            artifact = self.subject.artifact
            loaded = self._ask(
                {
                    "do": "open",
                    "path": self._main(),
                    "inputs": [spec.name for spec in artifact.inputs],
                    "outputs": list(artifact.outputs),
                    "threads": self.subject.threads,
                    "options": self.subject.options,
                }
            )
        except BaseException:
            self.close()
            raise
        self.opened = Opened(runtime["ms"], runtime["rss_mb"] or 0.0, loaded["ms"], loaded.get("precision", ""), loaded.get("arena_bytes"))
        return self.opened

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name for inputs by name; inputs of other names are taken by position."""
        outputs, _ = self.run_timed(inputs)
        return outputs

    def run_timed(self, inputs: Arrays) -> tuple[Arrays, float]:
        """Outputs, and the milliseconds of that one inference."""
        answer = self._ask({"do": "run"}, named_inputs(inputs, self.subject.artifact))
        return answer["outputs"], answer["ms"]

    def bind(self, inputs: Arrays) -> None:
        """Prepare the inputs of `time`; converting and sending them is never timed."""
        self._ask({"do": "bind"}, named_inputs(inputs, self.subject.artifact))

    def time(self, count: int, settle_ms: float = 0.0, keep: int | None = None) -> list[float]:
        """Milliseconds of ``count`` inferences one after another, after untimed ones for ``settle_ms``.

        Of many samples about ``keep`` are given, evenly spread.
        """
        return self.time_told(count, settle_ms, keep).samples_ms

    def time_told(self, count: int, settle_ms: float = 0.0, keep: int | None = None) -> Slice:
        """The same, with what the processor was doing."""
        answer = self._ask({"do": "time", "count": count, "settle_ms": settle_ms, "keep": keep})
        samples: list[float] = answer["samples_ms"]
        return Slice(samples, answer.get("quiet") or [True] * len(samples), answer.get("cores") or 0.0)

    def operators(self, inputs: Arrays) -> dict[str, float] | None:
        """Milliseconds of one inference by operator type; ``None`` where the runtime doesn't tell."""
        found: dict[str, float] | None = self._ask({"do": "operators"}, named_inputs(inputs, self.subject.artifact))["ms"]
        return found

    def memory(self) -> tuple[float, float]:
        """Resident memory in MB: now, and at its peak since the empty runtime."""
        answer = self._ask({"do": "memory"})
        return answer["rss_mb"] or 0.0, answer["peak_mb"] or 0.0

    def close(self) -> None:
        """End the process; closing twice is fine."""
        process, self._process, self.opened = self._process, None, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._words.close()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeFailed(f"{self.subject.name}: its worker is closed")
        return self._process

    def _main(self) -> str:
        """The artifact's main file, where the worker finds it."""
        return str((self.subject.folder / self.subject.artifact.main).resolve())

    def _setup(self, runtime: str) -> str:
        """Return the worker's start message; ``runtime`` is the path of the runtime's file for the worker."""
        name = RUNTIMES.get(self.subject.runtime).__name__
        return json.dumps({"runtime": runtime, "class": name, "threads": self.subject.threads})

    def _command(self) -> list[str]:
        """What starts the worker: the Python that the runtime is installed in."""
        return [self._python().path, worker.__file__, self._setup(inspect.getfile(RUNTIMES.get(self.subject.runtime)))]

    def _python(self) -> Python:
        return python_of(RUNTIMES.get(self.subject.runtime))

    def _start(self) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=self._python().environment(),
        )

    def _ask(self, request: dict[str, Any], tensors: Arrays | None = None) -> dict[str, Any]:
        """Send one request and wait for its answer; the answer's tensors come as its ``outputs``."""
        process = self._running
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        left = self.timeout_s if self.deadline is None else min(self.timeout_s, max(0.0, self.deadline - time.monotonic()))
        timer = threading.Timer(left, end)
        timer.daemon = True
        timer.start()
        try:
            for part in wire.encoded({**request, "timeout_s": self.timeout_s + 30}, tensors or {}):
                process.stdin.write(part)
            process.stdin.flush()
            answer = self._read(process.stdout)
        except (OSError, EOFError) as error:
            raise self._failure(request["do"], late.is_set()) from error
        finally:
            timer.cancel()
        if "error" in answer:
            raise self._error(request["do"], answer)
        return answer

    @staticmethod
    def _read(stream: Any) -> dict[str, Any]:
        line = stream.readline()
        if not line:
            raise EOFError
        answer: dict[str, Any] = json.loads(line)
        answer["outputs"] = wire.read_tensors(stream, answer.pop("tensors", []))
        return answer

    def _error(self, do: str, answer: dict[str, Any]) -> Exception:
        runtime = RUNTIMES.get(self.subject.runtime)
        missing = answer["module"] if answer["type"] == "ModuleNotFoundError" else None
        if runtime.extra and missing and missing.split(".")[0] in {name.split(".")[0] for name in runtime.needs}:
            return MissingExtra(missing, runtime.extra)
        return RuntimeFailed(f"{self.subject.name}: {runtime.title} can't {do} {self.subject.artifact.main}: {first_line(answer['error'])}")

    def _failure(self, do: str, late: bool) -> RuntimeFailed | OutOfTime:
        """What a dead process leaves: its signal or exit status, and the last line it wrote."""
        status = self._running.wait()
        words = last_line(self._words)
        self.close()
        if late:
            return self._too_late(do)
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        hint = " (out of memory, or ended from outside)" if status == -signal.SIGKILL else ""
        return RuntimeFailed(f"{self.subject.name}: its process {how}{hint} at {do!r}" + (f": {words}" if words else ""))

    def _too_late(self, do: str, where: str = "") -> RuntimeFailed | OutOfTime:
        """What a process leaves that was ended since it took too long."""
        said = f"{self.subject.name}: no answer to {do!r}{where}"
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return OutOfTime(f"{said} before the time budget was used up; its process was ended")
        return RuntimeFailed(f"{said} within {self.timeout_s:g} s; its process was ended")


def named_inputs(inputs: Arrays, artifact: Artifact) -> Arrays:
    """A task's inputs under the artifact's names, as `renamed` has them.

    In the artifact's types where no kind is lost: real numbers are never cut to whole ones.
    """
    import numpy as np

    wanted = {spec.name: spec.dtype for spec in artifact.inputs}
    return {
        name: array.astype(wanted[name], copy=False) if np.can_cast(array.dtype, wanted[name], "same_kind") else array
        for name, array in renamed(inputs, artifact.inputs).items()
    }


def last_line(file: BinaryIO | Any) -> str:
    """The last line with words in a file that a process wrote to; at most 300 characters."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 4096))
    lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
