"""ONNX's reference implementation in NumPy: slow, and what every other runtime should agree with.

A runtime's file travels alone to the worker process: it imports the standard library, NumPy and its own library only,
and that one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class OnnxReference:
    """`onnx.reference.ReferenceEvaluator`. It takes no options."""

    title: ClassVar[str] = "ONNX reference"
    formats: ClassVar[tuple[str, ...]] = ("onnx",)
    needs: ClassVar[tuple[str, ...]] = ("onnx",)
    extra: ClassVar[str | None] = None
    distribution: ClassVar[str] = "onnx"

    def load(self, format: str = "onnx") -> None:
        """Import onnx."""
        import onnx.reference  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> OnnxReferenceSession:
        """A session of a ``.onnx`` file; raises ``ValueError`` for an option or another number of inputs or outputs."""
        if options:
            raise ValueError(f"it takes no options, not {', '.join(options)}")
        return OnnxReferenceSession(path, inputs, outputs)


class OnnxReferenceSession:
    """An opened graph; the artifact's names are the graph's, by place where they differ."""

    precision = "float32"

    def __init__(self, path: str, inputs: list[str], outputs: list[str]) -> None:
        from onnx.reference import ReferenceEvaluator

        self.graph = ReferenceEvaluator(path)
        self.inputs, self.outputs = _matched(inputs, self.graph.input_names), _matched(outputs, self.graph.output_names)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        return dict(zip(self.outputs, self.bind(inputs)(), strict=True))

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that are prepared already: what is timed."""
        feed = {theirs: inputs[ours] for ours, theirs in self.inputs.items()}
        fetch = list(self.outputs.values())
        return lambda: self.graph.run(fetch, feed)

    def close(self) -> None:
        """Let go of the graph."""
        self.graph = None


def _matched(ours: list[str], theirs: list[str]) -> dict[str, str]:
    if set(ours) <= set(theirs):
        return {name: name for name in ours}
    if len(ours) != len(theirs):
        raise ValueError(f"the graph has {', '.join(theirs)}, the artifact names {', '.join(ours)}")
    return dict(zip(ours, theirs, strict=True))
