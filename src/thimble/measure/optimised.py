"""What ONNX Runtime makes of a file before it runs it: the optimised graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thimble.core.temporary import temporary_folder

LEVELS = {"all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "basic": "ORT_ENABLE_BASIC", "disable": "ORT_DISABLE_ALL"}


def optimised(path: Path, level: str = "all", options: Mapping[str, str] | None = None) -> Any:
    """The graph after ONNX Runtime's optimisations for this processor, constants included."""
    import onnx
    import onnxruntime

    with temporary_folder() as folder:
        target = folder / "optimised.onnx"
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level, settings.intra_op_num_threads = 4, 1
        settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[level])
        settings.optimized_model_filepath = str(target)
        for name, value in (options or {}).items():
            if name != "graph_optimization_level":
                settings.add_session_config_entry(name, value)
        onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        return onnx.load(str(target))
