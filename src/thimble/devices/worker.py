"""The script every measurement runs in: one process, one artifact, one runtime.

It needs the standard library, NumPy, ``wire.py`` beside it and the runtime's file, so the same script measures on this
machine, on a board over ssh and inside a bundle. Start it as ``python worker.py SETUP`` with SETUP in JSON::

    {"runtime": "onnxruntime.py", "class": "Onnxruntime", "threads": 1}

It then answers requests, one line of JSON each, optionally followed by raw tensors (C order, as many bytes as
their ``dtype`` and ``shape`` in the line's ``tensors`` say). Requests and their answers:

``load {format}``                                  ``{ms, rss_mb, pid}``: the runtime imported, nothing opened
``pin {cores}``                                    ``{}``: keep to these cores
``open {path, inputs, outputs, threads, options}`` ``{ms, precision, arena_bytes}``: the floating-point type it computes in, and the
                                                   memory for tensors, where it tells
``run {tensors}``                                  ``{tensors, ms}``
``bind {tensors}``                                 ``{}``: prepare these inputs for ``time``
``time {count, settle_ms, keep}``                  ``{samples_ms, quiet, cores}``: so many inferences, after untimed ones for so long;
                                                   about ``keep`` of them told, evenly spread; ``quiet`` says of each whether
                                                   every thread had a core when it wanted one; ``cores`` how many they kept busy
``operators {tensors}``                            ``{ms}`` by operator type; ``null`` where the session has no ``operators``
``memory {}``                                      ``{rss_mb, peak_mb}``

Any of them may answer ``{error, type, module}`` instead. A request's ``timeout_s`` ends a process that hangs and
has no parent left to end it. The end of the input ends the process.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING, Any, BinaryIO, cast


def load_module(file: str | Path, name: str) -> Any:
    """A Python file as a module of that name, whatever the file's own name hides."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from thimble.devices import wire
else:  # this file's own neighbour, wherever both lie
    wire = load_module(Path(__file__).with_name("wire.py"), "thimble_wire")
encoded, read_tensors = wire.encoded, wire.read_tensors

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
PRECISION_VARIABLES = ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
"""What lets oneDNN multiply FP32 numbers in bfloat16 without a word; a candidate says so in its options, or doesn't do it."""


def main(setup: dict[str, Any]) -> None:
    """Serve requests until the input ends."""
    limit_threads(setup["threads"])
    replies, requests = wire.private_streams()
    end_with_parent(requests)
    here = Path(__file__).resolve().parent
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != here]  # our neighbours' names are no modules
    service = Service(setup["runtime"], setup["class"])
    while line := requests.readline():
        request = json.loads(line)
        try:
            tensors = read_tensors(requests, request.pop("tensors", []))
            watch(request.pop("timeout_s", None))
            reply = encoded(*service.answer(request.pop("do"), tensors, request))
        except Exception as error:  # a runtime raises whatever its library raises
            reply = encoded({"error": one_line(error), "type": type(error).__name__, "module": getattr(error, "name", None)}, {})
        watch(None)
        for part in reply:
            replies.write(part)
        replies.flush()


def limit_threads(threads: int) -> None:
    """Hold every thread pool to ``threads``, and FP32 to FP32; has to come before NumPy is imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    for name in PRECISION_VARIABLES:
        os.environ.pop(name, None)
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it then ends us


def pin(cores: list[int]) -> None:
    """Hold every thread that there is to these cores; later ones inherit that."""
    if not cores or not hasattr(os, "sched_setaffinity"):
        return
    with contextlib.suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


def end_with_parent(requests: BinaryIO) -> None:
    """End this process half a second after the other end of its input is gone, whatever it computes meanwhile.

    A thread waits for that in the system, and uses no processor time.
    """
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(requests.fileno(), 0)  # nothing but the end is told

    def wait() -> None:
        poll.poll()
        time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def watch(seconds: float | None) -> None:
    """Let the system end this process after ``seconds``, whatever it is stuck in; ``None`` calls that off."""
    if hasattr(signal, "alarm"):
        signal.alarm(0 if seconds is None else int(seconds) + 1)


Tensors = dict[str, Any]
Answer = tuple[dict[str, Any], Tensors]


class Service:
    """One runtime, and the artifact it has opened."""

    def __init__(self, runtime_file: str, class_name: str) -> None:
        self.runtime = getattr(load_module(runtime_file, "thimble_runtime"), class_name)()
        self.session: Any = None
        self.infer: Callable[[], Any] = lambda: None

    def answer(self, do: str, tensors: Tensors, request: dict[str, Any]) -> Answer:
        """The answer to one request, and the tensors that go with it."""
        return cast("Answer", getattr(self, "_" + do)(tensors, **request))

    def _load(self, tensors: Tensors, format: str) -> Answer:
        ms = timed_ms(lambda: self.runtime.load(format))[0]
        gc.collect()
        reset_peak()
        return {"ms": ms, "rss_mb": memory_mb()[0], "pid": os.getpid()}, {}

    def _pin(self, tensors: Tensors, cores: list[int]) -> Answer:
        pin(cores)
        return {}, {}

    def _open(self, tensors: Tensors, **artifact: Any) -> Answer:
        ms, self.session = timed_ms(lambda: self.runtime.open(**artifact))
        told = {name: getattr(self.session, name) for name in ("precision", "arena_bytes") if hasattr(self.session, name)}
        return {"ms": ms, **told}, {}

    def _run(self, tensors: Tensors) -> Answer:
        ms, results = timed_ms(lambda: self.session.run(tensors))
        return {"ms": ms}, results

    def _bind(self, tensors: Tensors) -> Answer:
        session = self.session
        self.infer = session.bind(tensors) if hasattr(session, "bind") else lambda: session.run(tensors)
        return {}, {}

    def _time(self, tensors: Tensors, count: int, settle_ms: float = 0.0, keep: int | None = None) -> Answer:
        infer = self.infer
        gc.collect()
        gc.disable()
        ticks, quiet, begun = [0] * count, [True] * count, 0
        try:
            with Waiting() as waiting:
                until = perf_counter_ns() + settle_ms * 1e6
                while perf_counter_ns() < until:
                    infer()
                waiting.was_quiet()
                infer()
                used, since = process_time_ns(), perf_counter_ns()
                for i in range(count):
                    start = perf_counter_ns()
                    infer()
                    ticks[i] = max(1, perf_counter_ns() - start)
                    if waiting.due() or i == count - 1:
                        quiet[begun : i + 1] = [waiting.was_quiet()] * (i + 1 - begun)
                        begun = i + 1
                cores = (process_time_ns() - used) / max(1, perf_counter_ns() - since)
        finally:
            gc.enable()
        step = max(1, count // keep) if keep else 1
        return {"samples_ms": [tick / 1e6 for tick in ticks[::step]], "quiet": quiet[::step], "cores": round(cores, 2)}, {}

    def _operators(self, tensors: Tensors) -> Answer:
        return {"ms": self.session.operators(tensors) if hasattr(self.session, "operators") else None}, {}

    def _memory(self, tensors: Tensors) -> Answer:
        rss, peak = memory_mb()
        return {"rss_mb": rss, "peak_mb": peak}, {}


STRETCH_NS = 1_000_000
"""Short inferences are looked at together, for a millisecond or more: looking takes microseconds."""
WAITED, WAITED_NS = 0.03, 20_000
"""Share of a stretch, and nanoseconds, that this process's threads may wait for a core before it counts as disturbed."""


class Waiting:
    """How long threads of this process waited for a core that another program held, as Linux's scheduler counts it.

    Where the system doesn't tell, everything counts as quiet.
    """

    def __enter__(self) -> Waiting:
        self.files: list[int] = []
        with contextlib.suppress(OSError):
            for task in Path("/proc/self/task").iterdir():
                with contextlib.suppress(OSError):
                    self.files.append(os.open(task / "schedstat", os.O_RDONLY))
        self.waited_ns, self.since_ns = self._total(), perf_counter_ns()
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files:
            os.close(file)

    def due(self) -> bool:
        """Return whether a stretch is long enough to be looked at."""
        return perf_counter_ns() - self.since_ns >= STRETCH_NS

    def was_quiet(self) -> bool:
        """Return whether no thread had to wait since this was asked last; the next stretch begins."""
        before, self.waited_ns = self.waited_ns, self._total()
        spent, self.since_ns = perf_counter_ns() - self.since_ns, perf_counter_ns()
        return self.waited_ns - before <= max(WAITED_NS, WAITED * spent)

    def _total(self) -> int:
        found = 0
        for file in self.files:
            with contextlib.suppress(OSError, ValueError, IndexError):
                found += int(os.pread(file, 64, 0).split()[1])
        return found


def timed_ms(action: Callable[[], Any]) -> tuple[float, Any]:
    """How long it took in ms, and what it returned."""
    start = perf_counter_ns()
    result = action()
    return (perf_counter_ns() - start) / 1e6, result


def memory_mb() -> tuple[float | None, float | None]:
    """Resident memory now and at its peak, in MB of 10^6 bytes; what the system doesn't tell is ``None``."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        rss, peak = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
        return rss, peak
    except (OSError, KeyError):
        pass
    try:
        import resource
    except ImportError:
        return None, None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
    return peak_mb, peak_mb


def reset_peak() -> None:
    """Reset the peak of resident memory, so that the memory for importing the runtime doesn't hide the artifact's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def one_line(error: BaseException) -> str:
    """An error's type and the first line of its text that says something: not one that a colon ends, while others follow."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = next((line for line in lines if not line.endswith(":")), lines[0] if lines else "")
    return f"{type(error).__name__}: {telling[:300]}" if telling else type(error).__name__


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
