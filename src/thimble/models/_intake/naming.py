"""Names of inner tensors that collide with nothing that a quantizer invents.

Quantizers call their tensors after those they quantize: ``w1_scale`` after ``w1``. A file that has such a name already
gets two tensors of one name, or a circle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from thimble.core.subgraphs import subgraphs
from thimble.models._intake.wording import count

INVENTED = re.compile(r"_(scale|zero_point|quantized|quantize|dequantize|fp16|float|QuantizeLinear|DequantizeLinear)\w*", re.IGNORECASE)
"""What follows a tensor's name in names that quantizers make."""


def fresh_names(proto: Any) -> str | None:
    """Rename inner tensors where one name is another one with such an ending; names of inputs and outputs stay."""
    own = {value.name for value in (*proto.graph.input, *proto.graph.output)}
    names = names_of(proto.graph)
    losers: dict[str, None] = {}
    for name in sorted(names):
        for match in INVENTED.finditer(name):
            stem = name[: match.start()]
            loser = name if name not in own else stem
            if stem in names and loser not in own:
                losers[loser] = None
    renamed = {name: free_name(f"tensor_{i}", names) for i, name in enumerate(losers)}
    if renamed:
        rename(proto.graph, renamed)
    return count(len(renamed), "inner tensor", "renamed")


def rename(graph: Any, new: dict[str, str], ends: bool = True) -> None:
    """Rename tensors in a graph and those inside it; without ``ends`` the names on its lists of inputs and outputs stay."""
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name in new:
                    names[i] = new[name]
    for named in (*graph.initializer, *graph.value_info, *((*graph.input, *graph.output) if ends else ())):
        named.name = new.get(named.name, named.name)
    for inner in subgraphs(graph):
        rename(inner, new)


def names_of(graph: Any) -> set[str]:
    """Every tensor's name in a graph and those inside it."""
    return {name for name in _names(graph) if name}


def free_name(name: str, taken: set[str]) -> str:
    """The name, with as many underscores behind it as it takes to be free."""
    while name in taken:
        name = f"{name}_"
    return name


def _names(graph: Any) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        yield from node.output
    yield from (tensor.name for tensor in graph.initializer)
    for inner in subgraphs(graph):
        yield from _names(inner)
