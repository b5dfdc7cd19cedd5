"""A device at the other end of a connection: its agent, its workers, and what a measuring run asks of it."""

from __future__ import annotations

import contextlib
import inspect
import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core import processor as features
from thimble.core.errors import BadInput, Busy, CannotWrite, OutOfTime, RuntimeFailed
from thimble.core.registry import RUNTIMES
from thimble.core.study import Environment
from thimble.core.subject import Subject
from thimble.core.values import digest_of
from thimble.devices import agent, lockfile, processor, wire, worker
from thimble.devices.machine import Load, Machine
from thimble.devices.process import Worker, last_line

if TYPE_CHECKING:
    from thimble.core.artifact import Artifact

WAIT_S = 120.0
"""How long a device that another one measures on is waited for."""
ANSWER_S = 60.0
"""How long the agent may take for an answer, beside what it was asked to wait."""
OLDEST = (3, 9)

Launch = Callable[[str], list[str]]
"""Turns a Python program's arguments, quoted for a shell, into the command here that runs them there."""


class Connection:
    """The agent on a device, which keeps a temporary folder there as long as the connection lives.

    ``launch`` makes the command that runs Python there; ``explain`` turns what that command left (its status and last words) into an
    error. Raises what ``explain`` gives, or `RuntimeFailed`, when the connection is lost.
    """

    def __init__(self, name: str, launch: Launch, explain: Callable[[int, str], Exception]) -> None:
        self.name, self.launch, self.explain = name, launch, explain
        self._words = tempfile.TemporaryFile()  # noqa: SIM115
        self._guard = threading.RLock()
        self._placed: dict[str, str] = {}
        self._depth = 0
        source = Path(agent.__file__).read_bytes()
        boot = f"import sys; exec(compile(sys.stdin.buffer.read({len(source)}), 'agent', 'exec'), {{'__name__': '__main__'}})"
        self._process = subprocess.Popen(
            launch(f"-c {quoted(boot)}"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, start_new_session=True
        )
        modules = {"features": Path(features.__file__).read_text(), "cores": Path(processor.__file__).read_text()}
        modules["lockfile"] = Path(lockfile.__file__).read_text()
        hello = self._ask(source + json.dumps({"modules": modules}).encode() + b"\n", ANSWER_S)
        self.folder, self.python = str(hello["folder"]), str(hello["python"])
        if tuple(hello["version"]) < OLDEST:
            self.close()
            raise BadInput(f"{name} has Python {'.'.join(map(str, hello['version']))}; it needs {'.'.join(map(str, OLDEST))} or newer")

    @property
    def alive(self) -> bool:
        """Return whether the agent still runs, as far as is known here."""
        return self._process.poll() is None

    def ask(self, do: str, content: bytes = b"", allow_s: float = 0.0, **request: Any) -> dict[str, Any]:
        """The agent's answer to one request; raises `CannotWrite` or `RuntimeFailed` where it answers an error.

        ``allow_s`` is how long it may take beside the usual.
        """
        answer = self._ask(json.dumps({"do": do, **request}).encode() + b"\n" + content, ANSWER_S + allow_s)
        if "error" in answer:
            kind = CannotWrite if do == "put" else RuntimeFailed
            raise kind(f"{self.name} can't {do}{' ' + request['path'] if do == 'put' else ''}: {answer['error']}")
        return answer

    def put(self, path: str, content: bytes) -> str:
        """Write a file into the device's folder; gives its place there."""
        return str(self.ask("put", content, allow_s=600.0, path=path, bytes=len(content))["path"])

    def put_file(self, source: Path, path: str) -> str:
        """Copy a file of this machine; raises `BadInput` where it can't be read."""
        try:
            return self.put(path, source.read_bytes())
        except OSError as error:
            raise BadInput(f"{source} can't be read: {error.strerror}") from error

    def place(self, folder: Path, artifact: Artifact) -> str:
        """Copy an artifact's files, once; gives their folder there."""
        key = digest_of([(file.path, file.sha256) for file in artifact.files])
        if key not in self._placed:
            for file in artifact.files:
                self.put_file(folder / file.path, f"{key}/{file.path}")
            self._placed[key] = f"{self.folder}/{key}"
        return self._placed[key]

    @contextlib.contextmanager
    def reserved(self, wait_s: float = WAIT_S) -> Iterator[None]:
        """Hold the device's measuring lock; may be nested. Raises `Busy` where another one holds it for long."""
        self._depth += 1
        try:
            if self._depth == 1 and "busy" in (answer := self.ask("reserve", allow_s=wait_s, wait_s=wait_s)):
                raise Busy(f"another measuring run (process {answer['busy']}) holds {self.name}, waited {wait_s:g} s for it")
            yield
        finally:
            self._depth -= 1
            if self._depth == 0 and self.alive:
                with contextlib.suppress(RuntimeFailed):
                    self.ask("release")

    def close(self) -> None:
        """End the connection; the agent then removes its folder."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, data: bytes, limit_s: float) -> dict[str, Any]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with self._guard:
            timer = threading.Timer(limit_s, process.kill)
            timer.daemon = True
            timer.start()
            try:
                process.stdin.write(data)
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    raise EOFError
                found: dict[str, Any] = json.loads(line)
            except (OSError, EOFError, ValueError) as error:
                process.kill() if process.poll() is None and not isinstance(error, EOFError) else None
                raise self.explain(process.wait(), last_line(self._words)) from error
            finally:
                timer.cancel()
        return found


class RemoteMachine(Machine):
    """The machine at the other end."""

    local = False

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def watched(self, threads: int | None) -> list[int]:
        """The cores there that so many threads are pinned to, with those that share their hardware."""
        return list(self._call("neighbours", list(self._call("available_cores") if threads is None else self.cores_for(threads))))

    def load(self, pids: Sequence[int], cores: Sequence[int]) -> Load:
        """Processor seconds there: of all programs on these cores, and of these processes with the agent."""
        answer = self.connection.ask("load", pids=list(pids), cores=list(cores))
        return Load(answer["busy"], float(answer["ours"]), answer["stolen"], int(answer["all_cores"]))

    def clock_mhz(self) -> float | None:
        """The highest current clock there."""
        found: float | None = self._call("clock_mhz")
        return found

    def celsius(self) -> float | None:
        """The temperature there."""
        found: float | None = self._call("celsius")
        return found

    def available_memory_mb(self) -> float | None:
        """Memory that is free there."""
        found: float | None = self._call("available_memory_mb")
        return found

    def cores(self) -> int:
        """How many cores the agent may use."""
        return len(self._call("available_cores") or ())

    def cores_for(self, threads: int) -> list[int]:
        """Which cores there to pin so many threads to."""
        return list(self._call("cores_for", threads))

    def wait_until_idle(self, pid: int) -> None:
        """Wait there."""
        self._call("wait_until_idle", pid)

    def _call(self, name: str, *args: Any) -> Any:
        return self.connection.ask("call", name=name, args=list(args))["value"]


class RemoteWorker(Worker):
    """A worker at the other end of a connection of its own; it ends when that connection does."""

    def __init__(self, subject: Subject, connection: Connection) -> None:
        super().__init__(subject)
        self.connection, self.machine = connection, RemoteMachine(connection)

    @property
    def pid(self) -> int:
        """The worker's process id there."""
        return self.remote_pid

    def _main(self) -> str:
        return f"{self.connection.place(self.subject.folder, self.subject.artifact)}/{self.subject.artifact.main}"

    def _command(self) -> list[str]:
        runtime = Path(inspect.getfile(RUNTIMES.get(self.subject.runtime)))
        place, file = self.connection.put_file, f"runtime_{self.subject.runtime}.py"
        place(Path(wire.__file__), "wire.py")
        script, there = place(Path(worker.__file__), "worker.py"), place(runtime, file)
        return self.connection.launch(f"-B {quoted(script)} {quoted(self._setup(there))}")

    def _error(self, do: str, answer: dict[str, Any]) -> Exception:
        if answer["type"] == "ModuleNotFoundError":
            name = RUNTIMES.get(self.subject.runtime).distribution
            hint = f"{self.connection.python} -m pip install numpy {name}"
            return BadInput(f"{answer['module']} is not installed on {self.connection.name}; install it there with: {hint}")
        return super()._error(do, answer)

    def _failure(self, do: str, late: bool) -> RuntimeFailed | OutOfTime:
        status, words = self._running.wait(), last_line(self._words)
        self.close()
        if late:
            return self._too_late(do, f" from {self.connection.name}")
        return RuntimeFailed(f"{self.subject.name}: {self.connection.explain(status, words)} (at {do!r})")


def describe(connection: Connection, distributions: Iterable[str]) -> Environment:
    """The conditions there."""
    told = connection.ask("describe", names=list(distributions))
    return Environment(**{**told, "features": tuple(told["features"])})


def quoted(text: str) -> str:
    """A text as one word for a POSIX shell."""
    import shlex

    return shlex.quote(text)
