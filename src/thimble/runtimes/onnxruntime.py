"""ONNX Runtime on the processor: ``model.onnx``, with external data beside it, and its own ``model.ort``.

This file travels alone: it imports the standard library, NumPy and onnxruntime, the last one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

LEVELS = {"all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "basic": "ORT_ENABLE_BASIC", "disable": "ORT_DISABLE_ALL"}
PROFILED = 10
FAST = "mlas.enable_gemm_fastmath_arm64_bfloat16"
"""The only option that lets it multiply FP32 numbers in fewer bits; off unless asked for."""


class Onnxruntime:
    """The CPU execution provider, sequential execution.

    Options: ``graph_optimization_level`` (``all``, ``extended``, ``basic``, ``disable``); every other one is a
    session configuration entry under its own name, such as ``session.x64quantprecision``.
    """

    title: ClassVar[str] = "ONNX Runtime"
    formats: ClassVar[tuple[str, ...]] = ("onnx", "ort")
    needs: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    extra: ClassVar[str | None] = None
    distribution: ClassVar[str] = "onnxruntime"
    phones: ClassVar[bool] = True

    def load(self, format: str = "onnx") -> None:
        """Import onnxruntime."""
        import onnxruntime  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> OnnxruntimeSession:
        """A session of a ``.onnx`` or ``.ort`` file; raises ``ValueError`` for an option it can't set."""
        session = OnnxruntimeSession(lambda profile: _opened(path, threads, options, profile), inputs, outputs)
        session.precision = "bfloat16" if options.get(FAST) == "1" else "float32"
        return session


def _opened(path: str, threads: int, options: dict[str, str], profile: str | None) -> Any:
    """ONNX Runtime's own session, which writes a profile where there is a place for it."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    if profile:
        settings.enable_profiling, settings.profile_file_prefix = True, profile
    for name, value in options.items():
        if name != "graph_optimization_level":
            settings.add_session_config_entry(name, value)
        elif value in LEVELS:
            settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[value])
        else:
            raise ValueError(f"graph_optimization_level {value!r} is none of {', '.join(LEVELS)}")
    return onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])


class OnnxruntimeSession:
    """An opened graph. Names that the graph lacks are taken by position, in the artifact's order.

    ``precision`` is the floating-point type that FP32 numbers are multiplied in.
    """

    precision = "float32"

    def __init__(self, opened: Callable[[str | None], Any], inputs: list[str], outputs: list[str]) -> None:
        self.opened, self.session = opened, opened(None)
        self.inputs = _matched(inputs, [node.name for node in self.session.get_inputs()], "inputs")
        self.outputs = _matched(outputs, [node.name for node in self.session.get_outputs()], "outputs")

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        return dict(zip(self.outputs, self.bind(inputs)(), strict=True))

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that are prepared already: what is timed."""
        import numpy as np

        feed = {theirs: np.ascontiguousarray(inputs[ours]) for ours, theirs in self.inputs.items()}
        fetch, run = list(self.outputs.values()), self.session.run
        return lambda: run(fetch, feed)

    def operators(self, inputs: Mapping[str, Any]) -> dict[str, float]:
        """Milliseconds of one inference by operator type, in a second session that is profiled: of some runs each node's median."""
        import json
        import statistics
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            profiled, ours = self.opened(str(Path(folder) / "profile")), self.session
            self.session = profiled
            try:
                infer = self.bind(inputs)
                for _ in range(PROFILED):
                    infer()
            finally:
                self.session = ours
            events = json.loads(Path(profiled.end_profiling()).read_text())
        nodes: dict[tuple[str, str], list[float]] = {}
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                nodes.setdefault((event["args"]["op_name"], event["name"]), []).append(event["dur"] / 1000)
        found: dict[str, float] = {}
        for (kind, _), times in nodes.items():
            found[kind] = found.get(kind, 0.0) + statistics.median(times) * len(times) / PROFILED
        return found

    def close(self) -> None:
        """Let go of the session."""
        self.session = None


def _matched(ours: list[str], theirs: list[str], what: str) -> dict[str, str]:
    """The artifact's names to the graph's: the same names where it has them, else by position."""
    if set(ours) <= set(theirs):
        return {name: name for name in ours}
    if len(ours) != len(theirs):
        raise ValueError(f"the graph's {what} are {', '.join(theirs)}, the artifact names {', '.join(ours)}")
    return dict(zip(ours, theirs, strict=True))
