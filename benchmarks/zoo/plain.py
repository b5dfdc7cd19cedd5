"""What the plain tools give on a file: ``quantize_static`` after ``quant_pre_process``, or NNCF, called as their pages say.

::

    python benchmarks/zoo/plain.py onnxruntime model.onnx data.npz out.onnx '{"sr": 16000}'
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("NNCF_CI", "1")


def split_of(data: str, name: str) -> dict[str, Any]:
    """The samples of one of Thimble's splits, by the inputs' names: all tools calibrate on the same ones."""
    from thimble.core.task import TaskSpec
    from thimble.data import open_task

    split = open_task(TaskSpec(f"npz:{data}", weights_given=True)).split(name)
    return next(iter(split.batches(len(split)))).inputs


def samples(model: str, data: str, values: dict[str, float], split: str = "calibration") -> Iterator[dict[str, Any]]:
    """Single samples as the file takes them, inputs that ``values`` give filled with those."""
    import numpy as np
    import onnxruntime

    kinds = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(float16)": "float16"}
    inputs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()
    arrays = split_of(data, split)
    for i in range(min(map(len, arrays.values()))):
        feed = {}
        for one in inputs:
            if one.name in values:
                shape = [size if isinstance(size, int) and size else 1 for size in one.shape]
                feed[one.name] = np.full(shape, values[one.name], kinds[one.type])
            else:
                array = arrays.get(one.name, arrays.get("input"))
                assert array is not None
                feed[one.name] = array[i : i + 1].astype(kinds[one.type])
        yield feed


def by_onnxruntime(model: str, data: str, out: str, values: dict[str, float]) -> None:
    """The two functions of onnxruntime.quantization with their defaults."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = samples(model, data, values)

        def get_next(self) -> dict[str, Any] | None:
            return next(self.left, None)

    prepared = str(Path(out).with_suffix(".prepared.onnx"))
    quant_pre_process(model, prepared)
    quantize_static(prepared, out, Reader())


def by_nncf(model: str, data: str, out: str, values: dict[str, float]) -> None:
    """``nncf.quantize`` with its defaults."""
    import nncf
    import onnx

    onnx.save(nncf.quantize(onnx.load(model), nncf.Dataset(list(samples(model, data, values)))), out)


if __name__ == "__main__":
    tool, *rest, numbers = sys.argv[1:]
    {"onnxruntime": by_onnxruntime, "nncf": by_nncf}[tool](*rest, json.loads(numbers))
