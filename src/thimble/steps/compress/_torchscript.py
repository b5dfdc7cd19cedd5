"""Write a quantized PyTorch network as TorchScript: the only format that keeps PyTorch's packed INT8 weights."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from thimble.core.errors import StepFailed
from thimble.core.model import Model, example_inputs, named_outputs
from thimble.core.step import Context


def write_torchscript(network: nn.Module, model: Model, context: Context, **notes: Any) -> Model:
    """Trace the network and save it as ``model.pt``; raises `StepFailed` where the trace gives other outputs."""
    example = example_inputs(model)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, example, strict=False, check_trace=False)
        wanted = named_outputs(network(*example))
        given = named_outputs(traced(*example))
        for name, tensor in wanted.items():
            if given[name].shape != tensor.shape or not torch.allclose(
                given[name].float(), tensor.float(), atol=1e-3, rtol=1e-2, equal_nan=True
            ):
                raise StepFailed(f"the TorchScript trace gives another {name} than the network: its control flow depends on the data")
        torch.jit.save(traced, str(context.output / "model.pt"))
    return model.becoming(context.output, "torchscript", **notes)
