"""The opset that later steps need, by onnx's own converter."""

from __future__ import annotations

from typing import Any

WANTED = 13
"""From 13 on DequantizeLinear takes one scale per channel."""


def opset_of(proto: Any) -> int:
    """The version of ONNX's own operators that a network uses."""
    return max((int(entry.version) for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=WANTED)


def raise_opset(proto: Any) -> tuple[Any, str | None]:
    """The network in opset 13 at least; in its own where the converter lacks an operator, and a line says so."""
    import onnx

    version = opset_of(proto)
    if version >= WANTED:
        return proto, None
    try:
        return onnx.version_converter.convert_version(proto, WANTED), f"opset {version} raised to {WANTED}"
    except Exception as error:  # the converter is C++ and raises RuntimeError, ValueError and its own
        from thimble.core.values import first_line

        return proto, f"opset {version} kept, since onnx's converter can't raise it ({first_line(error)})"
