"""Multiply-accumulates of one inference: convolutions and matrix products, counted alike in PyTorch and in ONNX.

Both count what the tensors' shapes say must be multiplied, whatever an implementation saves: bias additions,
normalisations, activations and pooling are left out, as published figures do. A network whose shapes depend on its
data is counted for the inputs given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Shape = tuple[int, ...]


def macs_of_torch(module: Any, inputs: Sequence[Any] | Mapping[str, Any]) -> int:
    """MACs of one call of an ``nn.Module``, exported module or TorchScript module, quantized ones included.

    The module is run once, under PyTorch's own counter (`torch.utils.flop_counter`), which watches the dispatcher:
    it sees functional calls and TorchScript too, where hooks on layers see neither. It is told the operators that it
    has no formula for, and kept from fused paths that it can't look into. ``inputs`` are tensors by position or name.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False, custom_mapping=_torch_formulas())
    with torch.no_grad(), _unfused(), counter, numbers_as_tensors():
        if isinstance(inputs, Mapping):
            module(**inputs)
        else:
            module(*inputs)
    return int(counter.get_total_flops()) // 2


@contextmanager
def _unfused() -> Iterator[None]:
    """Switch the fused transformer layer off: it is one operator that hides its products."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def numbers_as_tensors() -> Any:
    """A mode that gives operators a tensor where TorchScript's interpreter, while it is watched, hands them a bare number."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class NumbersAsTensors(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
            wanted = [argument.type for argument in func._schema.arguments]
            tensor = torch._C.TensorType.get()
            fixed = (
                torch.tensor(value) if isinstance(value, int | float) and type_.isSubtypeOf(tensor) else value
                for value, type_ in zip(args, wanted, strict=False)
            )
            return func(*fixed, **(kwargs or {}))

    return NumbersAsTensors()  # type: ignore[no-untyped-call]


def _torch_formulas() -> dict[Any, Callable[..., int]]:
    """Twice the MACs of operators that PyTorch's counter has no formula for, from shapes or raw arguments."""
    import torch

    formulas: dict[Any, Callable[..., int]] = {
        torch.ops.aten.mkldnn_rnn_layer: _fused_rnn,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _fused_attention,
        torch.ops.aten._transformer_encoder_layer_fwd: _fused_encoder,
        torch.ops.aten.quantized_lstm: _raw(_packed_rnn),
        torch.ops.aten.quantized_gru: _raw(_packed_rnn),
    }
    for name in _PACKED:
        if operator := getattr(torch.ops.quantized, name, None):
            formulas[operator] = _raw(_packed_layer)
    return formulas


_CONVOLUTIONS = [f"conv{d}d{end}" for d in (1, 2, 3) for end in ("", "_relu", "_add", "_add_relu", "_dynamic")]
_TRANSPOSED = [f"conv_transpose{d}d{end}" for d in (1, 2, 3) for end in ("", "_dynamic")]
_LINEAR_ENDS = ("", "_relu", "_leaky_relu", "_tanh", "_dynamic", "_relu_dynamic", "_dynamic_fp16", "_relu_dynamic_fp16")
_LINEAR = [f"linear{end}" for end in _LINEAR_ENDS]
_PACKED = (*_CONVOLUTIONS, *_TRANSPOSED, *_LINEAR)


def _raw(formula: Callable[..., int]) -> Callable[..., int]:
    """Have the counter hand over arguments as they are, and not their shapes."""
    formula._get_raw = True  # type: ignore[attr-defined]
    return formula


def _fused_rnn(x: Shape, input_weight: Shape, hidden_weight: Shape, *_: Any, **__: Any) -> int:
    """One layer in one direction: at every step both weights are multiplied."""
    return 2 * x[0] * x[1] * (math.prod(input_weight) + math.prod(hidden_weight))


def _fused_attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    """Scores and their weighted sum."""
    return 2 * math.prod((*query[:-1], key[-2], query[-1] + value[-1]))


def _fused_encoder(x: Shape, width: int, heads: int, *arguments: Any, **_: Any) -> int:
    """A transformer layer that was traced as one operator: four products per token, and attention among tokens."""
    weights: int = sum(math.prod(arguments[i]) for i in (0, 2, 11, 13))
    return 2 * x[0] * x[1] * (weights + 2 * x[1] * width)


def _packed_layer(x: Any, *arguments: Any, out_val: Any = None, **_: Any) -> int:
    """A quantized convolution or linear layer: each output is a sum over the weights that lead to it."""
    from thimble.formats._torch import unpacked

    packed = next(a for a in arguments if hasattr(a, "_has_method"))
    weight = unpacked(packed)[0]
    transposed = packed._has_method("transpose") and bool(packed.transpose())
    many = x if transposed else out_val
    return 2 * int(many.numel() * weight[0].numel())


def _packed_rnn(x: Any, hidden: Any, cells: Any, *_: Any, **__: Any) -> int:
    """Quantized recurrent layers: every step of every sequence multiplies all weights."""
    from thimble.formats._torch import unpacked

    weights = [tensor for cell in cells for tensor in unpacked(cell) if tensor.dim() == 2]
    return 2 * int(x.shape[0] * x.shape[1] * sum(weight.numel() for weight in weights))


def macs_of_onnx(path: Path, shapes: Mapping[str, Shape] | None = None) -> int:
    """MACs of one inference of an ONNX file at batch 1, from the shapes of its tensors; no weight is read.

    ``shapes`` are the inputs' where 1 is not meant for every free dimension. Shapes that ONNX's inference doesn't
    find (foreign operators) come from one run in ONNX Runtime. Of a branch the larger side counts; a graph that
    multiplies in a loop raises ``ValueError``, as nobody knows how often it turns.
    """
    from thimble.formats import _onnx_graph, _onnx_macs

    model = _onnx_graph.light_model(path)
    _onnx_graph.fix_batch(model, dict(shapes or {}))
    known = _onnx_graph.inferred_shapes(model)
    needed = {name for node in model.graph.node for name in _onnx_macs.tensors_needed(node)}
    if missing := sorted(needed - known.keys()):
        known |= _onnx_graph.shapes_by_running(path, model, missing)
    return _graph_macs(model.graph, known)


def _graph_macs(graph: Any, shapes: dict[str, Shape]) -> int:
    """The sum over a graph's nodes, and over those inside them."""
    from thimble.formats._onnx_macs import node_macs

    total = 0
    for node in graph.node:
        total += node_macs(node, shapes)
        inner = [_graph_macs(attribute.g, shapes) for attribute in node.attribute if attribute.g.node]
        if any(inner) and node.op_type != "If":
            raise ValueError(f"{node.op_type} {node.name!r} multiplies in a loop; how often can't be told")
        total += max(inner, default=0)
    return total
