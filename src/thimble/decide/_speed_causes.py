"""Causes of a latency that does not fall, and the origin of a speedup."""

from __future__ import annotations

from thimble.core.processor import int8_support
from thimble.core.registry import runtime_title
from thimble.core.step import Step
from thimble.core.study import Candidate, Finding, Study
from thimble.core.summary import Interval, Row
from thimble.decide import _graph_causes as graphs
from thimble.decide import _words as words
from thimble.decide._family import Unknown, does, essence, float_sibling, is_step, on_noise, untouched, uses
from thimble.decide.pairs import speedup_over

DYNAMIC = ("onnx_quantize_dynamic", "torch_quantize_dynamic")
"""The steps that quantize activations at every inference."""

HARDLY = 1.2
"""A speedup that INT8 usually exceeds; where it may still be above that, nothing is known and nothing is said."""

SMALL_MACS = 20_000_000
"""Below this much arithmetic, fixed costs per operator weigh as much as the arithmetic itself."""


def dynamic_slower(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find dynamic INT8 that is slower than FP32 in the same runtime."""
    if not uses(candidate, *DYNAMIC):
        return None
    other, ratio = _against(study, candidate, float_sibling(study, candidate))
    if other is None or ratio is None or ratio.high >= 1:
        return None
    text = (
        f"It is {words.speed(ratio, other.name)}, the same network in FP32 in the same runtime. Dynamic quantization computes the ranges "
        "of the activations at every inference"
    )
    share = _share(candidate, "ConvInteger")
    if candidate.runtime == "onnxruntime" and not graphs.graph_of(candidate):  # what the graph shows is a finding of its own
        spent = f" ({words.figure(100 * share)} % of the time here)" if share else ""
        text += f" and turns convolutions, if there are any, into ConvInteger{spent}. ONNX Runtime has no fast kernel for ConvInteger: "
        text += "quantize statically"
    return Finding("dynamic-slower", f"{text}.", {"ratio": _numbers(ratio), "against": [other.name]})


def signed_activations(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find signed activations, which ONNX Runtime on x86 fuses worse than unsigned ones."""
    signed = any(_static(step, signed=True) for step in essence(candidate))
    if not signed or candidate.runtime != "onnxruntime":
        return None
    other = next((c for c in study.candidates if c.ok and c.runtime == "onnxruntime" and _unsigned_twin(candidate, c)), None)
    other, ratio = _against(study, candidate, other)
    if other is None or ratio is None or ratio.high >= 1:
        return None
    return Finding(
        "signed-activations",
        f"It is {words.speed(ratio, other.name)}, which differs in its integer types. Where a signed activation feeds a convolution and "
        "an addition, the runtime on this processor leaves the convolution in FP32: use unsigned activations here.",
        {"ratio": _numbers(ratio), "against": [other.name]},
    )


def _unsigned_twin(candidate: Candidate, other: Candidate) -> bool:
    ours, theirs = essence(candidate), essence(other)
    return bool(theirs) and ours[:-1] == theirs[:-1] and _static(theirs[-1], signed=False) and not on_noise(theirs[-1])


def _static(step: Step | Unknown, signed: bool) -> bool:
    """Return whether a step is ONNX Runtime's static quantization, with signed or unsigned activations."""
    return is_step(step, "onnx_quantize_static") and (getattr(step, "activations", "") == "int8") == signed


def int8_not_faster(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find static INT8 that is hardly faster than FP32 in the same runtime, with possible causes."""
    if not integers(candidate) or uses(candidate, *DYNAMIC):
        return None
    other, ratio = _against(study, candidate, float_sibling(study, candidate) or float_baseline(study, candidate))
    if other is None or ratio is None or ratio.high > HARDLY:
        return None
    support = int8_support(study.environment.features)
    reasons = []
    if support in ("saturating", "none"):
        reasons.append("this processor has no instruction that adds up 8-bit products in 32 bits (VNNI, dot product)")
    if left := graphs.unfused(candidate):
        reasons.append(f"{words.counted(left, 'quantized layer')} still {'runs' if left == 1 else 'run'} in float")
    if floats := _note(candidate, "float_operators"):
        reasons.append(f"{words.counted(floats, 'operator')} stayed in float")
    if costs := graphs.fixed_costs(candidate):
        reasons.append(costs)
    elif candidate.size and candidate.size.macs and candidate.size.macs < SMALL_MACS:
        millions = words.figure(candidate.size.macs / 1e6)
        reasons.append(f"with {millions} million MACs, fixed costs per operator weigh as much as the arithmetic that INT8 saves")
    why = f". Possible causes: {words.joined(reasons)}" if reasons else ""
    claim = "INT8 saves no time" if ratio.high < 1 else "INT8 saves little time, if any"
    return Finding(
        "int8-not-faster",
        f"{claim}: it is {words.speed(ratio, other.name)}, the same network in FP32 in the same runtime{why}.",
        {"ratio": _numbers(ratio), "against": [other.name], "features": list(study.environment.features)},
    )


def macs_not_time(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find a network with fewer MACs whose time shrank less."""
    other = untouched(study, candidate)
    other = other or (float_baseline(study, candidate) if not integers(candidate) else None)
    if other is None or integers(candidate) or not candidate.size or not other.size:
        return None
    ours, theirs = candidate.size.macs, other.size.macs
    ratio = speedup_over(study, candidate.name, other.name)
    if not ours or not theirs or ratio is None or theirs < 1.15 * ours or ratio.high > 0.9 * theirs / ours:
        return None
    odd = graphs.odd_channels(candidate)
    rest = "Moving data and starting operators cost time that MACs don't count" + (
        f"; {odd}, and vector instructions compute the missing filters too: prune in steps of 16" if odd else ", as do odd channel counts"
    )
    return Finding(
        "macs-not-time",
        f"It needs {words.figure(theirs / ours)}x fewer MACs than {other.name} but is {words.speed(ratio, other.name)}. {rest}.",
        {"macs": {"candidate": ours, "before": theirs}, "ratio": _numbers(ratio), "graph": graphs.graph_of(candidate)},
    )


def runtime_share(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find how much of the chosen candidate's speedup its runtime gives FP32 already."""
    baseline = study.candidates[0]
    if candidate.name != study.chosen or candidate.runtime == baseline.runtime or row.speedup is None or row.speedup.low <= 1:
        return None
    other = untouched(study, candidate)
    ratio = speedup_over(study, other.name, baseline.name) if other else None
    own = speedup_over(study, candidate.name, other.name) if other else None
    if other is None or ratio is None or own is None or ratio.low <= 1.1:
        return None
    runtime = runtime_title(candidate.runtime)
    rest = f"the changes to the network make it {words.times(own)} as fast as {other.name}" if own.low > 1 else (
        f"the changed network is {words.speed(own, other.name)}"
    )  # fmt: skip
    return Finding(
        "runtime-share",
        f"Of its {words.figure(row.speedup.value)}x, {words.times(ratio)} comes from {runtime} alone ({other.name}, FP32); {rest}.",
        {"runtime": _numbers(ratio), "rest": _numbers(own)},
    )


def integers(candidate: Candidate) -> bool:
    """Return whether a candidate is quantized: by its recipe, or, as given, by its own graph."""
    return does(candidate, "quantize") or (candidate.recipe == "as given" and bool(graphs.graph_of(candidate).get("quantized")))


def float_baseline(study: Study, candidate: Candidate) -> Candidate | None:
    """Return the baseline, where it is the float form of an artifact that was given quantized, in the same runtime."""
    first = study.candidates[0]
    given = candidate.recipe == first.recipe == "as given" and candidate.name != first.name and candidate.runtime == first.runtime
    return first if given and first.ok and not integers(first) else None


def _against(study: Study, candidate: Candidate, other: Candidate | None) -> tuple[Candidate | None, Interval | None]:
    return other, speedup_over(study, candidate.name, other.name) if other else None


def _note(candidate: Candidate, key: str) -> int:
    values = [step.notes[key] for step in candidate.steps if isinstance(step.notes.get(key), int)]
    return values[-1] if values else 0


def _share(candidate: Candidate, operator: str) -> float:
    total = sum(candidate.operators_ms.values())
    return candidate.operators_ms.get(operator, 0.0) / total if total else 0.0


def _numbers(interval: Interval) -> list[float]:
    return [interval.value, interval.low, interval.high]
