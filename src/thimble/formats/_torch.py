"""PyTorch's tensors and packed parameters as stored tensors."""

from __future__ import annotations

from typing import Any

from thimble.core.artifact import Artifact
from thimble.formats import Stored


def stored(name: str, tensor: Any, parameter: bool) -> Stored:
    """A tensor, quantized ones as their integers."""
    import torch

    values = tensor.detach()
    dtype = str(values.dtype).removeprefix("torch.").removeprefix("q")
    count = values.numel()
    subnormal = 0
    if values.is_quantized:
        nonzero = int(values.dequantize().count_nonzero())
    else:
        nonzero = int(values.count_nonzero())
        if values.dtype.is_floating_point:
            subnormal = int(((values != 0) & (values.abs() < torch.finfo(values.dtype).tiny)).sum())
    return Stored(name, dtype, count * values.element_size(), count, nonzero, parameter, subnormal)


def unpacked(packed: Any) -> list[Any]:
    """The tensors in a packed-parameter object of a quantized layer: weights and biases, of recurrent layers too."""
    if packed._has_method("unpack"):
        return [tensor for tensor in packed.unpack() if tensor is not None]
    if packed._has_method("__getstate__"):
        state, _ = packed.__getstate__()
        kind, tensors, _, _, inner = state
        if kind == "quantized_dynamic":  # the biases lie inside too
            return [tensor for part in inner for tensor in unpacked(part)]
        return list(tensors)
    return []


def example(artifact: Artifact) -> list[Any]:
    """Inputs of batch 1 in the artifact's shapes: zeros for whole numbers, ones for the rest."""
    import torch

    made = []
    for spec in artifact.inputs:
        dtype = getattr(torch, spec.dtype)
        fill = torch.ones if dtype.is_floating_point else torch.zeros
        made.append(fill(spec.with_batch(1), dtype=dtype))
    return made


def subnormal_activations(module: Any, inputs: list[Any]) -> tuple[int, int]:
    """Run a module once and look at every real tensor that an operator gives: how many numbers are subnormal, of how many."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    from thimble.formats.macs import numbers_as_tensors

    class Looking(TorchDispatchMode):
        few = total = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            for value in result if isinstance(result, tuple | list) else (result,):
                if isinstance(value, torch.Tensor) and value.is_floating_point() and not value.is_quantized:
                    self.few += int(((value != 0) & (value.abs() < torch.finfo(value.dtype).tiny)).sum())
                    self.total += value.numel()
            return result

    looking = Looking()  # type: ignore[no-untyped-call]
    with torch.no_grad(), looking, numbers_as_tensors():
        module(*inputs)
    return looking.few, looking.total


def tensors_of(inputs: Any) -> list[Any]:
    """Arrays by name as tensors, in their order."""
    import torch

    return [torch.from_numpy(array.copy()) for array in inputs.values()]
