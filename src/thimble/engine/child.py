"""The process that opens models and carries out steps; a converter that crashes here takes nothing else along.

It reads one request a line from standard input and answers with lines of JSON: ``progress`` while it works, then
``done`` or ``error``. `thimble.engine.process` is the other end.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import msgspec

from thimble.core.distribution import version
from thimble.core.errors import BadInput, ThimbleError, missing_extra
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.step import Context, make_step, step_name
from thimble.core.task import ModelSpec, Split, Task, TaskSpec
from thimble.data import open_task
from thimble.engine.clean import clean_key, make_clean
from thimble.engine.opening import check_answers, check_opens
from thimble.engine.requests import Request
from thimble.engine.store import Store
from thimble.fetch.torchvision_import import import_torchvision
from thimble.measure.size import measure_size
from thimble.models import look_through, open_model

HELD = 3
"""Networks kept in memory, so that recipes with a common beginning don't read it again."""


class _Bench:
    """What stays between requests: the open task and the last few networks."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._tasks: dict[str, Task] = {}
        self._models: dict[str, Model] = {}
        self._told = 0.0

    def carry_out(self, request: Request) -> dict[str, Any]:
        """Do what is asked, keep it in the store, and tell what there is to know of it."""
        if request.weigh is not None and request.artifact is not None:
            return {"size": msgspec.to_builtins(measure_size(Path(request.weigh), request.artifact))}
        if request.look_through is not None:
            look_through(Path(request.look_through[0]), request.look_through[1])
            return {}
        _set_threads(request.threads)
        store, begun = Store(Path(request.store)), time.perf_counter()
        made = store.make(request.key, lambda output, scratch: self._work(request, store, output, scratch))
        self._hold(request.key, made)
        return {"seconds": time.perf_counter() - begun, **_counts(made)}

    def _work(self, request: Request, store: Store, output: Path, scratch: Path) -> Model:
        if request.step is None:
            return open_model(request.model, output)
        step = make_step(request.step, request.settings)
        model = self._clean(request.parent, request, store)
        teacher = self._model(request.teacher, request, store) if request.teacher and "teacher" in step.uses else None
        context = Context(
            task=_Blinded(self._task(request.task)) if request.task else None,
            teacher=teacher if teacher and teacher.format == TORCH else None,
            output=output,
            scratch=scratch,
            open_model=lambda spec: self._student(spec, request, scratch),
            seed=request.seed,
            threads=request.threads,
            features=request.features,
            progress=self._tell,
            trail=store.root / "scratch" / request.trail if request.trail else None,
        )
        made = step.apply(model, context)
        if made.format == TORCH:
            _plainly_laid_out(made.payload)
        if made.payload is not model.payload:
            check_opens(made, context.task, request.threads, step_name(step))
            made = check_answers(made, model, step, context.task, request.threads)
        return made

    def _student(self, spec: str, request: Request, scratch: Path) -> Model:
        given = request.model
        classes = (len(self._task(request.task).labels) if request.task else None) or given.classes
        return open_model(replace(given, spec=spec, weights=None, classes=classes, seed=request.seed), scratch / "student")

    def _clean(self, key: str | None, request: Request, store: Store) -> Model:
        """The stored result as steps take it: an ONNX file as its clean network."""
        model = self._model(key, request, store)
        clean = clean_key(model, str(key))
        if clean is None:
            return model
        if not store.has(clean):
            make_clean(model, clean, store, self._task(request.task) if request.task else None, request.threads)
        return self._model(clean, request, store)

    def _model(self, key: str | None, request: Request, store: Store) -> Model:
        assert key is not None
        if key not in self._models:
            _prepare_unpickling(request.model)
            self._hold(key, store.load(key))
        return self._models[key]

    def _hold(self, key: str, model: Model) -> None:
        self._models[key] = model
        while len(self._models) > HELD:
            del self._models[next(iter(self._models))]

    def _task(self, spec: TaskSpec) -> Task:
        name = repr(spec)
        if name not in self._tasks:
            self._tasks = {name: open_task(spec)}
        return self._tasks[name]

    def _tell(self, fraction: float, words: str) -> None:
        if time.monotonic() - self._told > 0.2:
            self._told = time.monotonic()
            self.send({"progress": fraction, "words": words})

    def send(self, message: dict[str, Any]) -> None:
        """One line to the other end."""
        self._out.write(msgspec.json.encode(message).decode() + "\n")
        self._out.flush()


def _set_threads(count: int) -> None:
    """Fix PyTorch's threads, where it is installed: ONNX files need it for nothing."""
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    torch.set_num_threads(count)
    with contextlib.suppress(RuntimeError):  # set before; PyTorch's runtime asks for one, and too late once work was shared
        torch.set_num_interop_threads(1)


def _plainly_laid_out(network: Any) -> None:
    """Lay weights out as every other step expects them: training has them with channels last, and views of those fail."""
    import torch

    network.to(memory_format=torch.contiguous_format)


class _Blinded:
    """A task whose test split can't be read: what makes a model must not have seen it."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def split(self, name: str) -> Split:
        """Any split but ``test``."""
        if name == "test":
            raise BadInput("a step asked for the test split, which nothing may see before the final figures")
        return self._task.split(name)


def _prepare_unpickling(spec: ModelSpec) -> None:
    """Make the classes importable that a stored network may be made of: torchvision's, and those of the user's file."""
    with contextlib.suppress(ImportError):
        import_torchvision()
    path, colon, _ = spec.spec.rpartition(":")
    if colon and path.endswith(".py"):
        from thimble.fetch.user_file import import_user_file

        import_user_file(Path(path))


def _counts(model: Model) -> dict[str, Any]:
    """Parameters and MACs of a network in memory, and notes."""
    if model.format != TORCH:
        return {}
    from thimble.formats.macs import macs_of_torch

    inputs, macs = example_inputs(model, 1), None
    try:
        macs = macs_of_torch(model.payload, inputs)
    except Exception:  # the network runs, and may raise anything when it is watched: left out, the reason is in the log
        traceback.print_exc()
    parameters = list(model.payload.parameters())
    nonzero = sum(int(p.count_nonzero()) for p in parameters)
    return {"parameters": sum(p.numel() for p in parameters), "nonzero_parameters": nonzero, "macs": macs}


def _absent(error: ModuleNotFoundError) -> dict[str, Any]:
    """Return the answer to a failed import: the command that installs the module."""
    absent = missing_extra(error)
    if absent is None and version() == "unknown" and (error.name or "thimble").partition(".")[0] != "thimble":
        return {"error": "MissingExtra", "text": f"{error.name} is not installed"}  # in an environment that Thimble isn't installed in
    return _unexplained(error) if absent is None else {"error": "MissingExtra", "text": str(absent)}


def _unexplained(error: Exception) -> dict[str, Any]:
    traceback.print_exc()
    return {"error": "StepFailed", "text": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}


def _die_with_parent() -> None:
    """On Linux, end at once when the parent is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main() -> None:
    """Serve requests until standard input ends."""
    _die_with_parent()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to the log
    bench = _Bench(out)
    decoder = msgspec.json.Decoder(Request)
    for line in sys.stdin:
        try:
            bench.send({"done": bench.carry_out(decoder.decode(line))})
        except ThimbleError as error:
            bench.send({"error": type(error).__name__, "text": str(error)})
        except ModuleNotFoundError as error:
            bench.send(_absent(error))
        except Exception as error:  # a step's bug or a library's: told with its trace, which marks it as unexplained
            bench.send(_unexplained(error))


if __name__ == "__main__":
    main()
