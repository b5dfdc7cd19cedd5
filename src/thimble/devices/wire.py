"""What goes over the pipe between a worker and its parent: a line of JSON, then the bytes of the tensors that it lists.

The worker's script and its parents both use this file, so it travels beside ``worker.py``, and needs NumPy only.
"""

from __future__ import annotations

import json
import os
from typing import Any, BinaryIO

Tensors = dict[str, Any]


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout to ourselves: what libraries print goes to stderr, and they read nothing."""
    replies, requests = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return replies, requests


def read_tensors(stream: BinaryIO, specs: list[dict[str, Any]]) -> Tensors:
    """The tensors that follow a message, in the order its line lists them; each its own writable memory."""
    import numpy as np

    tensors: Tensors = {}
    for spec in specs:
        array = np.empty(spec["shape"], dtype=spec["dtype"])
        view = raw(array)
        got = 0
        while got < len(view):
            count = stream.readinto(view[got:])  # type: ignore[attr-defined]
            if not count:
                raise EOFError("the stream ended inside a tensor")
            got += count
        tensors[spec["name"]] = array
    return tensors


def encoded(message: dict[str, Any], tensors: Tensors) -> list[bytes | memoryview]:
    """One line of JSON, then the tensors' bytes, none of them copied."""
    import numpy as np

    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise TypeError(f"tensor {name!r} has type {array.dtype}, which is not a number")
    specs = [{"name": name, "dtype": array.dtype.str, "shape": array.shape} for name, array in arrays.items()]
    line = json.dumps({**message, "tensors": specs}).encode() + b"\n"
    return [line, *map(raw, arrays.values())]


def raw(array: Any) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return memoryview(array.reshape(-1)).cast("B") if array.nbytes else memoryview(b"")
