"""What is worth trying in the runtimes of phones, boards and other processors, where they are installed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from thimble.core.model import TORCH
from thimble.core.recipe import Recipe, parse_recipe
from thimble.core.registry import RUNTIMES, runs_here, speed_counts

RECIPES: tuple[tuple[str, str, str, Mapping[str, str], str], ...] = (
    ("openvino-controlled", "openvino_quantize_controlled()", "openvino", {}, "static INT8, operators back in float as far as outputs ask"),
    ("openvino-fp16", "to_openvino('float16')", "openvino", {}, "weights stored in 16 bits, in OpenVINO"),
    ("ncnn", "to_ncnn()", "ncnn", {}, "FP32 in ncnn"),
    ("ncnn-fp16", "to_ncnn('float16')", "ncnn", {}, "weights stored in 16 bits, in ncnn"),
    ("coreml", "to_coreml()", "coreml", {}, "FP16 in Core ML"),
    ("litert", "to_litert()", "litert", {}, "FP32 in LiteRT"),
    ("litert-int8", "to_litert() + litert_quantize_static()", "litert", {}, "static INT8 in LiteRT"),
    ("litert-int8-dynamic", "to_litert() + litert_quantize_dynamic()", "litert", {}, "dynamic INT8 in LiteRT"),
    ("tflite-micro-int8", "to_litert() + litert_quantize_static()", "tflite_micro", {}, "static INT8 on microcontrollers"),
    ("executorch", "to_executorch()", "executorch", {}, "FP32 in ExecuTorch"),
    ("executorch-int8", "executorch_quantize_static()", "executorch", {}, "static INT8 in ExecuTorch"),
    ("ncnn-bf16", "to_ncnn('float16')", "ncnn", {"use_bf16_storage": "1"}, "bfloat16 in ncnn"),
)
"""A name, the steps after the source or its ONNX file, the runtime, its options, and a title."""


def elsewhere(format: str, installed: Callable[[str], bool], only: Collection[str] = ()) -> list[Recipe]:
    """Return the recipes that begin with a source of this format, and whose converters and runtimes are installed.

    A runtime whose speed here tells nothing, that of microcontrollers, is left out unless it is named among the ``only`` ones.
    """
    recipes = []
    for name, text, runtime, options, title in RECIPES:
        if runtime not in only and not speed_counts(runtime):
            continue
        steps = parse_recipe(text)
        needed = {*RUNTIMES.get(runtime).needs, *(module for step in steps for module in step.needs)}
        if not runs_here(RUNTIMES.get(runtime)) or not all(map(installed, needed)) or (steps[0].consumes == TORCH and format != TORCH):
            continue
        if steps[0].consumes != format:
            steps = (*parse_recipe("to_onnx()"), *steps)
        recipes.append(Recipe(name, steps, runtime, tuple(options.items()), title))
    return recipes
