"""What is worth trying on a model that nobody has named recipes for, best prospects first."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from thimble.base.model import TORCH
from thimble.base.recipe import Recipe, parse_recipe


@dataclass(frozen=True)
class Situation:
    """What decides which recipes can apply: the source's format, whether it can be trained here, a student, and
    what is installed (`installed` tells of a module).
    """

    format: str
    trainable: bool = True
    student: str | None = None
    installed: Callable[[str], bool] = lambda module: importlib.util.find_spec(module) is not None


TYPES = (
    ("int8", "onnx_quantize_static()", "static INT8, types chosen for this processor"),
    ("int8-unsigned", "onnx_quantize_static('uint8', weights='uint8')", "static INT8, unsigned weights, which never saturate"),
    ("int8-percentile", "onnx_quantize_static('uint8', method='percentile')", "static INT8, ranges that leave outliers out"),
)
"""Static INT8 in the type combinations that processors run well."""

PRUNED = (0.3, 0.5)
"""Shares of channels to remove; the counts that stay are multiples of 16, the vector width that pays everywhere."""


def prospects(situation: Situation) -> tuple[Recipe, ...]:
    """The baseline, then recipes in the order in which they usually pay: first what needs no training.

    A runtime whose library is absent is left out; what does not apply to the model itself is found out by trying.
    """
    openvino = situation.installed("openvino")
    onnx = "to_onnx()" if situation.format == TORCH else ""
    found = [_made("baseline", "", "pytorch" if situation.format != "onnx" else "onnxruntime", "the model as given")]
    if onnx:
        found.append(_made("onnx", onnx, "onnxruntime", "FP32 in ONNX Runtime"))
    for name, step, title in TYPES:
        found.append(_made(f"onnx-{name}", _chain(onnx, step), "onnxruntime", title))
    if openvino:
        found.append(_made("openvino", onnx, "openvino", "FP32 in OpenVINO"))
        found.append(_made("openvino-int8", _chain(onnx, TYPES[0][1]), "openvino", "static INT8 in OpenVINO"))
    if situation.format == TORCH:
        found.append(_made("int8-static", "fx_quantize_static()", "pytorch", "static INT8 in PyTorch, FX graph mode"))
    found.append(_made("onnx-int8-dynamic", _chain(onnx, "onnx_quantize_dynamic()"), "onnxruntime", "dynamic INT8"))
    found.append(_made("onnx-fp16", _chain(onnx, "onnx_store_fp16()"), "onnxruntime", "weights stored in 16 bits, computed in FP32"))
    if situation.format == TORCH and situation.trainable:
        found += _trained(situation.student)
    return tuple(found)


def _trained(student: str | None) -> list[Recipe]:
    """Recipes that train: they come last, since they take longest."""
    found = []
    if student:
        learned = f"distill({student!r})"
        found.append(_made("student", _chain(learned, "to_onnx()"), "onnxruntime", f"{student} taught by the baseline"))
        found.append(
            _made("student-int8", _chain(learned, "to_onnx()", "onnx_quantize_static()"), "onnxruntime", f"{student}, static INT8")
        )
    for ratio in PRUNED:
        text = _chain(f"prune_channels({ratio}, round_to=16)", "finetune(2, taught=0.5)", "to_onnx()", "onnx_quantize_static()")
        found.append(
            _made(f"prune{ratio * 100:.0f}-int8", text, "onnxruntime", f"{ratio:.0%} of channels removed, fine-tuned, static INT8")
        )
    return found


def _chain(*parts: str) -> str:
    return " + ".join(part for part in parts if part)


def _made(name: str, text: str, runtime: str, title: str) -> Recipe:
    return Recipe(name, parse_recipe(text), runtime, (), title)
