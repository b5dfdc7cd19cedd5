"""The graphs of an ONNX model: the main one, and those inside operators (branches of If, bodies of Loop and Scan)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def subgraphs(graph: Any) -> Iterator[Any]:
    """The graphs directly inside the operators of a graph (anything with a ``node`` list)."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def graphs_of(*graphs: Any) -> Iterator[Any]:
    """These graphs, each before the ones inside it, at any depth; nesting takes no stack."""
    waiting = list(reversed(graphs))
    while waiting:
        yield (graph := waiting.pop())
        waiting.extend(reversed(list(subgraphs(graph))))
