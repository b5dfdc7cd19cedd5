"""LiteRT (TensorFlow Lite) on the processor: ``model.tflite``.

This file travels alone: it imports the standard library, NumPy and ai_edge_litert, the last one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

HALF = b"reduced_precision_support"
"""Metadata of a file that lets XNNPACK compute in FP16 where the processor can."""


class Litert:
    """The interpreter with its XNNPACK kernels. Takes no options.

    Where a model's inputs or outputs are 8-bit integers and the data are not, they are converted by the scales that
    the model states; that conversion is not timed.
    """

    title: ClassVar[str] = "LiteRT"
    formats: ClassVar[tuple[str, ...]] = ("tflite",)
    needs: ClassVar[tuple[str, ...]] = ("ai_edge_litert",)
    extra: ClassVar[str | None] = "litert"
    distribution: ClassVar[str] = "ai-edge-litert"
    phones: ClassVar[bool] = True
    pinned: ClassVar[tuple[str, ...]] = ("ai-edge-litert==2.3.0", "ai-edge-quantizer==0.10.0", "litert-torch==0.10.0", "torch")
    pinned_mb: ClassVar[int] = 2250

    def load(self, format: str = "tflite") -> None:
        """Import the interpreter."""
        import ai_edge_litert.interpreter  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> LitertSession:
        """A session of a ``.tflite`` file."""
        from ai_edge_litert.interpreter import Interpreter

        if options:
            raise ValueError(f"LiteRT takes no session options, got {', '.join(options)}")
        interpreter = Interpreter(model_path=path, num_threads=threads)
        interpreter.allocate_tensors()
        session = LitertSession(interpreter, inputs, outputs)
        session.precision = "float32 or float16" if HALF in Path(path).read_bytes() else "float32"
        return session


class LitertSession:
    """An interpreter with its tensors. Names that the model's signature lacks are taken by position, in the artifact's order.

    ``precision`` is the floating-point type that it computes FP32 operators in.
    """

    precision = "float32"

    def __init__(self, interpreter: Any, inputs: list[str], outputs: list[str]) -> None:
        self.interpreter = interpreter
        keys = list(interpreter.get_signature_list())
        runner = interpreter.get_signature_runner(keys[0]) if len(keys) == 1 else None
        self.inputs = _matched(inputs, runner and runner.get_input_details(), interpreter.get_input_details(), "inputs")
        self.outputs = _matched(outputs, runner and runner.get_output_details(), interpreter.get_output_details(), "outputs")

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        self.bind(inputs)()
        return {name: _real(self.interpreter.get_tensor(place["index"]), place) for name, place in self.outputs.items()}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that the interpreter holds already: what is timed."""
        resized = False
        for name, place in self.inputs.items():
            if tuple(inputs[name].shape) != tuple(place["shape"]):
                self.interpreter.resize_tensor_input(place["index"], inputs[name].shape, strict=True)
                place["shape"], resized = inputs[name].shape, True
        if resized:
            self.interpreter.allocate_tensors()
        for name, place in self.inputs.items():
            self.interpreter.set_tensor(place["index"], _stored(inputs[name], place))
        infer: Callable[[], Any] = self.interpreter.invoke
        return infer

    def close(self) -> None:
        """Let go of the interpreter."""
        self.interpreter = None


def _stored(array: Any, place: Mapping[str, Any]) -> Any:
    """An array in the type the model takes, quantized by its scale where that is needed."""
    import numpy as np

    dtype, (scale, zero_point) = np.dtype(place["dtype"]), place["quantization"]
    if array.dtype == dtype or not scale:
        return array.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.round(array / scale) + zero_point, limits.min, limits.max).astype(dtype)


def _real(array: Any, place: Mapping[str, Any]) -> Any:
    """Numbers that quantized ones stand for."""
    scale, zero_point = place["quantization"]
    if not scale or array.dtype.kind == "f":
        return array
    return ((array.astype("float32") - zero_point) * scale).astype("float32")


def _matched(ours: list[str], named: dict[str, Any] | None, places: list[dict[str, Any]], what: str) -> dict[str, dict[str, Any]]:
    """The artifact's names to the model's tensors: by the signature where it has them, else by position."""
    if named and set(ours) <= set(named):
        return {name: dict(named[name]) for name in ours}
    if len(ours) != len(places):
        raise ValueError(f"the model has {len(places)} {what}, the artifact names {', '.join(ours)}")
    return dict(zip(ours, places, strict=True))
