"""ExecuTorch's programs, read by ExecuTorch."""

from __future__ import annotations

from pathlib import Path

from thimble.core.values import TensorSpec
from thimble.formats import Ends

TITLE = "a program of ExecuTorch"
SUFFIXES = (".pte",)
BESIDE: tuple[str, ...] = ()

DTYPES = {0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64", 11: "bool", 15: "bfloat16"}
"""Numbers of types, which are PyTorch's own: ``c10::ScalarType``."""


def ends(path: Path) -> Ends:
    """What ``forward`` takes and gives, by place: a program holds no names. A batch of 1 is free, since samples run one by one."""
    from executorch.extension.pybindings import portable_lib

    meta = portable_lib._load_for_executorch(str(path)).method_meta("forward")
    inputs = []
    for place in range(meta.num_inputs()):
        tensor = meta.input_tensor_meta(place)
        sizes = tuple(tensor.sizes())
        shape = (None, *sizes[1:]) if sizes[:1] == (1,) else sizes
        inputs.append(TensorSpec(f"input_{place}", shape, DTYPES.get(int(tensor.dtype()), "float32")))
    count = meta.num_outputs()
    return Ends(tuple(inputs), tuple(f"output_{place}" for place in range(count)) if count > 1 else ("output",))
