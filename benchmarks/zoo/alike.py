"""How alike the answers of a file and of what was made of it are, on samples that no tool has seen.

::

    python benchmarks/zoo/alike.py model.onnx data.npz '{"sr": 16000}' static/model.onnx plain.onnx
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from plain import samples

SAMPLES = 8
LARGEST_DB = 200.0


def answers(path: str, feeds: list[dict[str, Any]]) -> list[Any]:
    """The first output for every sample, one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    first, own = session.get_outputs()[0].name, {one.name for one in session.get_inputs()}
    return [session.run([first], {name: array for name, array in feed.items() if name in own})[0] for feed in feeds]


def sqnr_db(wanted: list[Any], given: list[Any]) -> float | None:
    """Signal-to-quantization-noise ratio over all samples; ``None`` for outputs of whole numbers or of other shapes."""
    if any(a.shape != b.shape or a.dtype.kind != "f" for a, b in zip(wanted, given, strict=True)):
        return None
    signal = sum(float((a.astype("f8") ** 2).sum()) for a in wanted)
    noise = sum(float(((a.astype("f8") - b) ** 2).sum()) for a, b in zip(wanted, given, strict=True))
    return LARGEST_DB if noise == 0 else max(-LARGEST_DB, min(LARGEST_DB, 10 * math.log10(max(signal, 1e-300) / noise)))


if __name__ == "__main__":
    model, data, numbers, *made = sys.argv[1:]
    feeds = [feed for _, feed in zip(range(SAMPLES), samples(model, data, json.loads(numbers), "test"), strict=False)]
    wanted = answers(model, feeds)
    found = {}
    for path in made:
        try:
            found[path] = {"db": sqnr_db(wanted, answers(path, feeds)), "bytes": Path(path).stat().st_size}
        except Exception as error:  # a file that doesn't run is a result
            found[path] = {"error": str(error).partition("\n")[0][:200]}
    print(json.dumps(found))
