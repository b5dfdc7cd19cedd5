"""What is worth trying on a model that nobody has named recipes for, best prospects first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from thimble.core import pythons
from thimble.core.errors import BadInput
from thimble.core.model import TORCH
from thimble.core.processor import features
from thimble.core.recipe import Recipe, parse_recipe
from thimble.core.registry import METRICS, STEPS
from thimble.core.values import listed
from thimble.search.elsewhere import elsewhere


@dataclass(frozen=True)
class Situation:
    """What decides which recipes can apply: the source's format, how many samples there are to train on (0: none), the
    metric, a student, what opens the source as it is (by default the format's own), its ``traits`` (``recurrent``,
    ``attention``), what is minimized, what is installed (`installed` tells of a module), whether the processor multiplies bfloat16,
    the ``runtimes`` that the device has (``None``: those that are installed here), and the ``only`` ones that may be used (none: any).
    """

    format: str
    samples: int = 0
    metric: str | None = "accuracy"
    student: str | None = None
    runtime: str | None = None
    traits: frozenset[str] = frozenset()
    minimize: str = "latency"
    installed: Callable[[str], bool] = pythons.installed
    bfloat16: bool = field(default_factory=lambda: bool({"avx512_bf16", "amx_bf16"} & set(features())))
    runtimes: frozenset[str] | None = None
    only: frozenset[str] = frozenset()


TYPES = (
    ("int8", "onnx_quantize_static()", "static INT8, types chosen for this processor"),
    ("int8-unsigned", "onnx_quantize_static('uint8', weights='uint8')", "static INT8, unsigned weights, which never saturate"),
    ("int8-percentile", "onnx_quantize_static('uint8', method='percentile')", "static INT8, ranges that leave outliers out"),
)
"""Static INT8 in the type combinations that processors run well."""

SMALL = (
    ("int8-tensor", "onnx_quantize_static(per_channel=False)", "static INT8, one scale for each tensor"),
    ("int4-weights", "onnx_store_int(4)", "weights stored in 4 bits, computed in FP32"),
)
"""What is smaller than the others, and hardly faster."""


def prospects(situation: Situation) -> tuple[Recipe, ...]:
    """Return the baseline, then recipes in the order in which they usually pay: first what needs no training.

    A runtime whose library is absent is left out; what does not apply to the model itself is found out by trying. Where the device has
    no runtime for the source as it is, its FP32 form in ONNX Runtime is the baseline. Raises `BadInput` where it has not even that.
    """
    every = _prospects(situation)
    there = situation.runtimes
    if there is None or every[0].runtime in there:
        return every if there is None else tuple(one for one in every if one.runtime in there)
    able = [one for one in every if one.runtime in there]
    first = next((one for one in able if one.name == "onnx"), None)
    if first is None:
        raise BadInput(f"the device has none of the runtimes that could run this model; it has {listed(sorted(there))}")
    return (replace(first, name="baseline", title="FP32 in ONNX Runtime"), *(one for one in able if one is not first))


def _prospects(situation: Situation) -> tuple[Recipe, ...]:
    """Return what can be tried, by what is installed here."""
    openvino = situation.installed("openvino")
    onnx = "to_onnx()" if situation.format == TORCH else ""
    own = situation.runtime or ("pytorch" if situation.format != "onnx" else "onnxruntime")
    found = [_made("baseline", "", own, "the model as given")]
    if situation.format not in (TORCH, "onnx"):  # a file that a runtime opens: no technique changes it
        return tuple(found)
    if onnx:
        found.append(_made("onnx", onnx, "onnxruntime", "FP32 in ONNX Runtime"))
    dynamic = _made("onnx-int8-dynamic", _chain(onnx, "onnx_quantize_dynamic()"), "onnxruntime", "dynamic INT8")
    if "attention" in situation.traits:  # outliers in activations widen static ranges: Dettmers et al. 2022 (arXiv:2208.07339)
        found.append(dynamic)
    if "recurrent" in situation.traits:
        text = _chain(onnx, TYPES[0][1], "onnx_quantize_recurrent()")
        found += [_made("onnx-int8-recurrent", text, "onnxruntime", "static INT8, LSTMs with INT8 weights"), dynamic]
    for name, step, title in TYPES:
        found.append(_made(f"onnx-{name}", _chain(onnx, step), "onnxruntime", title))
    if situation.minimize == "size":
        found += [_made(f"onnx-{name}", _chain(onnx, step), "onnxruntime", title) for name, step, title in SMALL]
    nncf = situation.installed("nncf") and "nncf_quantize" in STEPS.names()
    if nncf:
        found.append(_made("onnx-int8-nncf", _chain(onnx, "nncf_quantize()"), "onnxruntime", "static INT8 by NNCF, in ONNX Runtime"))
    if openvino and nncf:
        found.append(_made("openvino-int8-nncf", _chain(onnx, "nncf_quantize()"), "openvino", "static INT8 by NNCF, in OpenVINO"))
    if openvino:
        found.append(_made("openvino", onnx, "openvino", "FP32 in OpenVINO"))
        if situation.bfloat16:
            hint = (("INFERENCE_PRECISION_HINT", "bf16"),)
            found.append(Recipe("openvino-bf16", parse_recipe(onnx), "openvino", hint, "bfloat16 in OpenVINO"))
        found.append(_made("openvino-int8", _chain(onnx, TYPES[0][1]), "openvino", "static INT8 in OpenVINO"))
    found += elsewhere(situation.format, situation.installed, situation.only)
    if situation.format == TORCH:
        found.append(_made("int8-static", "fx_quantize_static()", "pytorch", "static INT8 in PyTorch, FX graph mode"))
    found += [] if dynamic in found else [dynamic]
    found.append(_made("onnx-fp16", _chain(onnx, "onnx_store_fp16()"), "onnxruntime", "weights stored in 16 bits, computed in FP32"))
    if situation.format == TORCH and situation.samples:
        found += _trained(situation)
    return tuple(found)


def mixed(base: Recipe, keep: int, name: str) -> Recipe:
    """Return a recipe that ends in `onnx_quantize_static`, with the ``keep`` layers that suffer most kept in float."""
    method = getattr(base.steps[-1], "method", "minmax")
    steps = (*base.steps[:-1], *parse_recipe(f"onnx_rank_layers() + onnx_quantize_mixed({keep}, method={method!r})"))
    return Recipe(name, steps, base.runtime, base.options, f"static INT8, {keep} most sensitive layers in float")


def without_labels(metric: str | None) -> bool:
    """Return whether a metric compares with the baseline, so that there is nothing else to learn from; no metric at all is one."""
    return metric is None or hasattr(METRICS.get(metric), "compare")


def _trained(situation: Situation) -> list[Recipe]:
    """Return recipes that train and that no search makes: a student's. They come last because they take longest."""
    if not situation.student:
        return []
    student, learned = situation.student, f"distill({situation.student!r})"
    text = _chain(learned, "to_onnx()", "onnx_quantize_static()")
    return [
        _made("student", _chain(learned, "to_onnx()"), "onnxruntime", f"{student} taught by the baseline"),
        _made("student-int8", text, "onnxruntime", f"{student}, static INT8"),
    ]


def _chain(*parts: str) -> str:
    return " + ".join(part for part in parts if part)


def _made(name: str, text: str, runtime: str, title: str) -> Recipe:
    return Recipe(name, parse_recipe(text), runtime, (), title)
