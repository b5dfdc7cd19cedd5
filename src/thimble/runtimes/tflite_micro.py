"""TensorFlow Lite Micro, the interpreter of microcontrollers, run here on the processor: ``model.tflite``.

This file travels alone: it imports the standard library, NumPy and tflite_micro, the last one only when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

SMALLEST, LARGEST = 1 << 10, 1 << 26
"""Bytes of the smallest arena that is tried, and of the largest."""
CLOSE = 256
"""Bytes to which the smallest arena that suffices is found."""


class TfliteMicro:
    """The interpreter with its reference kernels: its answers are a microcontroller's, its speed is nobody's. Takes no options.

    ``arena_bytes`` of an opened file is the memory for tensors that it needs, found by bisection, as a device would reserve it. Buffers
    that lie behind a file's table are refused: the interpreter takes zeros for them without a word.
    """

    title: ClassVar[str] = "TensorFlow Lite Micro"
    formats: ClassVar[tuple[str, ...]] = ("tflite",)
    needs: ClassVar[tuple[str, ...]] = ("tflite_micro",)
    extra: ClassVar[str | None] = "tflite-micro"
    distribution: ClassVar[str] = "tflite-micro"
    phones: ClassVar[bool] = False
    pinned: ClassVar[tuple[str, ...]] = (
        "tflite-micro==0.dev20261023182759",
        "ai-edge-litert==2.3.0",
        "ai-edge-quantizer==0.10.0",
        "litert-torch==0.10.0",
        "torch",
    )
    pinned_mb: ClassVar[int] = 2250
    speed: ClassVar[bool] = False
    most_threads: ClassVar[int] = 1

    def load(self, format: str = "tflite") -> None:
        """Import the interpreter."""
        from tflite_micro import runtime  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> TfliteMicroSession:
        """A session of a ``.tflite`` file; ``ValueError`` for options, for more than one thread, and for buffers outside the table."""
        from pathlib import Path

        if options:
            raise ValueError(f"TensorFlow Lite Micro takes no session options, got {', '.join(options)}")
        if threads != 1:
            raise ValueError(f"TensorFlow Lite Micro has one thread, and {threads} are asked for: give --threads 1")
        file = Path(path).read_bytes()
        model = _parsed(file)
        return TfliteMicroSession(file, *_placed(model, inputs, outputs))


class TfliteMicroSession:
    """An interpreter with the smallest arena that suffices. Names that the file's signature lacks are taken by position.

    ``precision`` is the floating-point type that it computes FP32 operators in.
    """

    precision = "float32"

    def __init__(self, file: bytes, inputs: dict[str, int], outputs: dict[str, int]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.arena_bytes = _smallest(file)
        self.interpreter = _opened(file, self.arena_bytes)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name; a batch goes through sample by sample."""
        import numpy as np

        answers = [self._single(one) for one in _samples(inputs)]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in self.outputs}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone; of a batch, setting each sample's inputs too."""
        samples = _samples(inputs)
        self._set(samples[0])
        invoke: Callable[[], Any] = self.interpreter.invoke
        return invoke if len(samples) == 1 else lambda: [self._single(one) for one in samples]

    def close(self) -> None:
        """Let go of the interpreter."""
        self.interpreter = None

    def _single(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        self._set(inputs)
        self.interpreter.invoke()
        get, place = self.interpreter.get_output, self.interpreter.get_output_details
        return {name: _real(get(i), place(i)) for name, i in self.outputs.items()}

    def _set(self, inputs: Mapping[str, Any]) -> None:
        for name, i in self.inputs.items():
            self.interpreter.set_input(_stored(inputs[name], self.interpreter.get_input_details(i)), i)


def _samples(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    batch = len(next(iter(inputs.values())))
    return [{name: array[i : i + 1] for name, array in inputs.items()} for i in range(batch)]


def _opened(file: bytes, arena: int) -> Any:
    """An interpreter with an arena of so many bytes; ``RuntimeError`` where that is too small, or an operator is missing."""
    from tflite_micro import runtime

    return runtime.Interpreter.from_bytes(file, arena_size=arena)


def _smallest(file: bytes) -> int:
    """The bytes of the smallest arena that the interpreter starts with, to `CLOSE`. Raises what it raises with the largest one."""
    _opened(file, LARGEST)
    size = SMALLEST
    while size < LARGEST and not _starts(file, size):
        size *= 2
    low, high = size // 2, size
    while high - low > CLOSE:
        middle = (low + high) // 2
        low, high = (low, middle) if _starts(file, middle) else (middle, high)
    return high


def _starts(file: bytes, arena: int) -> bool:
    """Whether the interpreter starts and answers once with an arena of so many bytes, in a process of its own: a small one may crash it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it complains there
            _opened(file, arena).invoke()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _parsed(file: bytes) -> Any:
    """The file's table; ``ValueError`` where buffers lie outside it."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(file, 0)
    if any(_without_data(model, graph) for graph in model.subgraphs):
        raise ValueError(
            "the file keeps buffers behind its table, which TensorFlow Lite Micro silently reads as zeros; "
            "litert_quantize_static writes files that hold them"
        )
    return model


def _without_data(model: Any, graph: Any) -> bool:
    """Return whether an operator takes a tensor that nothing gives: no operator, no input of the graph, no buffer of the table."""
    given = {int(i) for i in graph.inputs} | {int(i) for operator in graph.operators for i in operator.outputs}
    taken = {int(i) for operator in graph.operators for i in operator.inputs if i >= 0} - given
    left = (graph.tensors[i] for i in taken if not graph.tensors[i].isVariable)
    return any(model.buffers[tensor.buffer].data is None for tensor in left)


def _placed(model: Any, inputs: list[str], outputs: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    """The places of inputs and outputs: by the file's signature where it has these names, else in the artifact's order."""
    graph, signatures = model.subgraphs[0], model.signatureDefs or []
    found = []
    for ours, ends, kind in ((inputs, graph.inputs, "inputs"), (outputs, graph.outputs, "outputs")):
        order, named = [int(i) for i in ends], {}
        if len(signatures) == 1:
            named = {one.name.decode(): int(one.tensorIndex) for one in getattr(signatures[0], kind)}
        if len(ours) != len(order):
            raise ValueError(f"the model has {len(order)} {kind}, the artifact names {', '.join(ours)}")
        found.append({name: order.index(named[name]) if set(ours) <= set(named) else i for i, name in enumerate(ours)})
    return found[0], found[1]


def _stored(array: Any, place: Mapping[str, Any]) -> Any:
    """An array in the type the model takes, quantized by its scale where that is needed."""
    import numpy as np

    dtype = np.dtype(place["dtype"])
    scales, points = _quantization(place)
    if array.dtype == dtype or not scales:
        return array.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.round(array / scales) + points, limits.min, limits.max).astype(dtype)


def _real(array: Any, place: Mapping[str, Any]) -> Any:
    """Numbers that quantized ones stand for."""
    scale, point = _quantization(place)
    if not scale or array.dtype.kind == "f":
        return array.copy()
    return ((array.astype("float32") - point) * scale).astype("float32")


def _quantization(place: Mapping[str, Any]) -> tuple[float, int]:
    found = place["quantization_parameters"]
    scales, points = found["scales"], found["zero_points"]
    return (float(scales[0]), int(points[0])) if len(scales) else (0.0, 0)
