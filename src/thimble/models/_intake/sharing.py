"""Biases that several operators share: each gets its own, since its INT32 form has the scale of one operator only."""

from __future__ import annotations

from typing import Any

from thimble.models._intake.naming import free_name
from thimble.models._intake.wording import count

BIASED = ("Conv", "ConvTranspose", "Gemm")
BIAS = 2
"""The place of the bias among these operators' inputs."""


def untie(proto: Any) -> str | None:
    """Copy a bias for every operator that reads it, apart from the first reader of all."""
    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    taken = set(held) | {name for node in proto.graph.node for name in node.output}
    seen: set[str] = set()
    copies = 0
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            if name in seen and place == BIAS and node.op_type in BIASED:
                new = free_name(f"{name}_of_{node.name}", taken)
                taken.add(new)
                copy = proto.graph.initializer.add()
                copy.CopyFrom(held[name])
                copy.name, node.input[place] = new, new
                copies += 1
            elif name in held:
                seen.add(name)
    return count(copies, "shared bias", "kept apart", "shared biases")
