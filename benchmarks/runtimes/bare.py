"""A bare loop in one runtime, without anything of Thimble: ``python bare.py RUNTIME FILE THREADS INPUTS.npz``.

It prints a line when it is ready. For each line ``COUNT`` on its input it runs so many inferences and prints the median in milliseconds.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any


def onnxruntime(path: str, threads: int, inputs: dict[str, Any]) -> Callable[[], object]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)


def openvino(path: str, threads: int, inputs: dict[str, Any]) -> Callable[[], object]:
    import openvino as ov

    asked = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = ov.Core().compile_model(path, "CPU", asked).create_infer_request()
    for name, array in inputs.items():
        request.set_tensor(name, ov.Tensor(array))
    return request.infer


def litert(path: str, threads: int, inputs: dict[str, Any]) -> Callable[[], object]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    for place, array in zip(interpreter.get_input_details(), inputs.values(), strict=True):
        interpreter.set_tensor(place["index"], array.astype(place["dtype"]))
    return interpreter.invoke


def pytorch(path: str, threads: int, inputs: dict[str, Any]) -> Callable[[], object]:
    import torch

    torch.set_num_threads(threads)
    tensors = [torch.from_numpy(array) for array in inputs.values()]
    network = torch.export.load(path).module() if path.endswith(".pt2") else torch.jit.load(path).eval()

    def infer() -> object:
        with torch.inference_mode():
            return network(*tensors)

    return infer


def main(runtime: str, path: str, threads: int, inputs: str) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    import numpy as np

    with np.load(inputs) as held:
        infer = LOOPS[runtime](path, threads, {name: held[name] for name in held.files})
    for _ in range(20):
        infer()
    print("ready", flush=True)
    for line in sys.stdin:
        spent = []
        for _ in range(int(line)):
            began = time.perf_counter_ns()
            infer()
            spent.append((time.perf_counter_ns() - began) / 1e6)
        print(statistics.median(spent), flush=True)


LOOPS = {one.__name__: one for one in (onnxruntime, openvino, litert, pytorch)}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
