"""Causes that an artifact's own graph shows, from the evidence of the probes ``graph`` and ``operators``."""

from __future__ import annotations

from typing import Any

from thimble.core.processor import int8_support
from thimble.core.study import Candidate, Finding, Study
from thimble.core.summary import Interval, Row
from thimble.decide import _words as words

ISLANDS = 0.1
"""Share of the time in conversions between integers and floats from which they are worth telling."""

BUSY_NODE_MS = 0.02
"""Below this much time per operator, starting operators costs about as much as what they compute."""


def graph_of(candidate: Candidate) -> dict[str, Any]:
    """Return what the probe ``graph`` recorded; empty where it did not or could not look."""
    found = candidate.probes.get("graph", {})
    return found if "nodes" in found else {}


def share_of(candidate: Candidate, *operators: str) -> float:
    """Return the share of the profiled time that operators of these types take."""
    total = sum(candidate.operators_ms.values())
    return sum(candidate.operators_ms.get(name, 0.0) for name in operators) / total if total else 0.0


def unfused(candidate: Candidate) -> int:
    """Count convolutions and matrix products with 8-bit weights in the file that the runtime executes in float."""
    graph = graph_of(candidate)
    return max(0, graph["quantized"] - graph["integer"]) if graph else 0


def float_islands(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find quantized layers that the runtime executes in float, between conversions that it could not fuse."""
    graph, left = graph_of(candidate), unfused(candidate)
    share = share_of(candidate, "QuantizeLinear", "DequantizeLinear")
    if not graph or not graph["quantized"] or (not left and share < ISLANDS):
        return None
    conversions = f"{graph['dequantize']} dequantize and {graph['quantize']} quantize nodes"
    spent = f", which take {words.figure(100 * share)} % of the time" if share else ""
    if left:
        text = (
            f"ONNX Runtime executes {left} of the {graph['quantized']} convolutions and matrix products with 8-bit weights in float and "
            f"{graph['integer']} in integers; the optimised graph still has {conversions}{spent}"
        )
    else:
        text = f"All {graph['integer']} quantized layers run in integers, but {conversions} remain{spent}"
    if left and graph["activations"].get("int8", 0) > graph["activations"].get("uint8", 0) and int8_support(study.environment.features) in (
        "vnni", "saturating"
    ):  # fmt: skip
        text += ". Its activations are signed, which ONNX Runtime on x86 fuses worse: quantize them unsigned"
    return Finding("float-islands", f"{text}.", {"graph": graph, "share": share})


def dynamic_convolutions(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find convolutions that became ConvInteger."""
    graph = graph_of(candidate)
    if not graph or not graph["conv_integer"]:
        return None
    share = share_of(candidate, "ConvInteger")
    around = share_of(candidate, "DynamicQuantizeLinear", "Cast", "Mul", "Add")
    shares = f"{words.figure(100 * share)} % of the time; finding ranges and scaling back take {words.figure(100 * around)} %"
    many = words.counted(graph["conv_integer"], "convolution")
    return Finding(
        "dynamic-convolutions",
        f"Dynamic quantization turned {many} into ConvInteger{f' ({shares})' if share else ''}. ONNX Runtime has no fast kernel for "
        "ConvInteger: quantize convolutions statically.",
        {"conv_integer": graph["conv_integer"], "share": share},
    )


def batch_norms_left(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find batch normalisations that are not folded into a convolution."""
    graph = graph_of(candidate)
    if not graph or not graph["batch_norms"]:
        return None
    share = share_of(candidate, "BatchNormalization")
    spent = f", {words.figure(100 * share)} % of its time" if share else ""
    return Finding(
        "batch-norm-left",
        f"{words.counted(graph['batch_norms'], 'batch normalisation')} {'remains a' if graph['batch_norms'] == 1 else 'remain'} separate "
        f"operator{'' if graph['batch_norms'] == 1 else 's'}{spent}. Each costs a pass over the data and a rounding: fold batch "
        "normalisation into the convolutions before quantizing.",
        {"batch_norms": graph["batch_norms"]},
    )


def subnormal_numbers(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find numbers so close to zero that processors handle them in microcode."""
    found = candidate.probes.get("subnormals", {})
    shares = {kind: found.get(f"{kind}_share") or 0.0 for kind in ("weights", "activations")}
    told = [f"{words.figure(100 * share)} % of its {kind}" for kind, share in shares.items() if share > 1e-3]
    if not told:
        return None
    return Finding(
        "subnormal-numbers",
        f"{words.joined(told)} are subnormal numbers, which can slow a processor many times over{_flushed(candidate)}.",
        {"shares": shares},
    )


def _flushed(candidate: Candidate) -> str:
    """Return what setting subnormal weights to zero did where it was tried, else the advice to try it."""
    gain = tried(candidate, "subnormal weights set to zero")
    if gain is None:
        return ": set weights below 1e-30 to zero"
    if gain.low > 1:
        return f". Setting such weights to zero was tried: {words.times(gain)} faster. Do so"
    return f". Setting such weights to zero was tried: no gain, {words.times(gain)} its speed"


def tried(candidate: Candidate, remedy: str) -> Interval | None:
    """Return how many times faster a remedy made the artifact, where it was tried."""
    gain = candidate.probes.get("remedies", {}).get("tried", {}).get(remedy)
    return Interval(gain["value"], gain["low"], gain["high"]) if gain else None


def optimised_too_far(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find files that ONNX Runtime's highest level of graph optimisation makes slower."""
    gains = {level: tried(candidate, f"graph_optimization_level={level}") for level in ("extended", "basic")}
    proven = {level: gain for level, gain in gains.items() if gain is not None and gain.low > 1}
    if not proven:
        return None
    level = max(proven, key=lambda one: proven[one].value)
    return Finding(
        "optimised-too-far",
        f"ONNX Runtime's highest graph optimisation slows it: with graph_optimization_level {level} it is {words.times(proven[level])} "
        f"faster. Open it with ORT_ENABLE_{level.upper()}.",
        {"gains": {name: gain.value for name, gain in proven.items()}},
    )


def fixed_costs(candidate: Candidate) -> str:
    """Return the words for a graph whose operators take about as long as starting them; else nothing."""
    graph, total = graph_of(candidate), sum(candidate.operators_ms.values())
    if not graph or not total or total / graph["nodes"] > BUSY_NODE_MS:
        return ""
    each = words.figure(1000 * total / graph["nodes"])
    return f"its {graph['nodes']} operators take {each} microseconds each, about the cost of starting an operator"


def odd_channels(candidate: Candidate) -> str:
    """Return how many convolutions have a filter count that misses the vector width; nothing where none has."""
    graph = graph_of(candidate)
    if not graph or not graph["not_by_16"]:
        return ""
    eight = f" ({graph['not_by_8']} not even of 8)" if graph["not_by_8"] else ""
    return f"{graph['not_by_16']} of its {graph['convolutions']} convolutions have a filter count that is not a multiple of 16{eight}"
