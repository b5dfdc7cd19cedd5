"""Named recipes: the lab's, and the naive ones that its page takes apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thimble.core.errors import UnknownName
from thimble.core.model import TORCH
from thimble.core.recipe import Recipe, parse_recipe
from thimble.core.registry import RUNTIMES
from thimble.search.candidates import Situation, prospects

QUICK = ("baseline", "int8-static", "prune30-channels", "onnx", "onnx-int8-static")
"""The lab's first look, and what its quick form in tests runs."""

_LAB = (
    ("baseline", "", "pytorch", "FP32, eager PyTorch"),
    ("int8-dynamic", "torch_quantize_dynamic()", "pytorch", "dynamic INT8, asked of Linear and Conv2d"),
    ("int8-static", "fx_quantize_static()", "pytorch", "static INT8, FX graph mode"),
    ("int8-static-noise", "fx_quantize_static('noise')", "pytorch", "static INT8, calibrated on random noise"),
    ("prune30-weights", "prune_weights(0.3)", "pytorch", "30 % of convolution weights set to zero"),
    ("prune50-weights", "prune_weights(0.5)", "pytorch", "50 % of convolution weights set to zero"),
    ("prune30-channels", "prune_channels(0.3)", "pytorch", "30 % of channels removed"),
    ("prune30-channels-finetuned", "prune_channels(0.3) + finetune({finetune})", "pytorch", "30 % of channels removed, fine-tuned"),
    ("distilled-mobilenet_v2", "distill({distill})", "pytorch", "MobileNetV2 taught by the baseline"),
    ("onnx", "to_onnx({opset})", "onnxruntime", "FP32 in ONNX Runtime"),
    ("onnx-int8-dynamic", "to_onnx({opset}) + onnx_quantize_dynamic()", "onnxruntime", "dynamic INT8 in ONNX Runtime"),
    ("onnx-int8-static", "to_onnx({opset}) + onnx_quantize_static()", "onnxruntime", "static INT8 in ONNX Runtime"),
    (
        "prune30-onnx-int8",
        "prune_channels(0.3) + finetune({finetune}) + to_onnx({opset}) + onnx_quantize_static()",
        "onnxruntime",
        "30 % of channels removed, fine-tuned, static INT8",
    ),
    ("distilled-onnx-int8", "distill({distill}) + to_onnx({opset}) + onnx_quantize_static()", "onnxruntime", "MobileNetV2, static INT8"),
)

_TRAPS = (
    ("trap-onnx-dynamic-signed", "to_onnx({opset}) + onnx_quantize_dynamic('int8')", "onnxruntime", "dynamic INT8 with signed weights"),
    (
        "trap-onnx-static-signed",
        "to_onnx({opset}) + onnx_quantize_static('int8', reduce_range=False)",
        "onnxruntime",
        "static INT8 with signed activations",
    ),
    (
        "trap-onnx-static-full-range",
        "to_onnx({opset}) + onnx_quantize_static(reduce_range=False)",
        "onnxruntime",
        "static INT8 with 8-bit signed weights, which saturate without VNNI",
    ),
    (
        "trap-onnx-static-noise",
        "to_onnx({opset}) + onnx_quantize_static(calibration='noise')",
        "onnxruntime",
        "static INT8, calibrated on random noise",
    ),
)


def lab_recipes(only: Sequence[str] = (), quick: bool = False, opset: int | None = None) -> tuple[Recipe, ...]:
    """Return the lab's recipes in order; the baseline always comes first, and is always there.

    ``only`` picks some by name, from the lab's and the naive ones (``traps`` stands for all of those); ``quick``
    picks `QUICK` and trains less. Raises `UnknownName` with the known names.
    """
    fills = {
        "opset": "" if opset is None else str(opset),
        "finetune": "1" if quick else "2",
        "distill": f"'torchvision:mobilenet_v2', epochs={2 if quick else 5}",
    }
    every = {name: _made(name, text, runtime, title, fills) for name, text, runtime, title in (*_LAB, *_TRAPS)}
    traps = [name for name, *_ in _TRAPS]
    chosen = [name for wanted in only for name in (traps if wanted == "traps" else [wanted])]
    chosen = chosen or list(QUICK if quick else (name for name, *_ in _LAB))
    for name in chosen:
        if name not in every:
            raise UnknownName("candidate", name, [*every, "traps"])
    return tuple(recipe for name, recipe in every.items() if name in {"baseline", *chosen})


def named_recipes(situation: Situation) -> dict[str, Recipe]:
    """Return every recipe that has a name, as it is for one model: what `thimble.fit` tries, then the lab's and the naive ones.

    The lab's export recipes leave the export out for a model that is ONNX already; what only PyTorch can do is not among
    them then.
    """
    every = replace(situation, only=frozenset(RUNTIMES.names()))  # microcontrollers' too, which only their name asks for
    found = {recipe.name: recipe for recipe in prospects(every)}
    for recipe in lab_recipes(only=[name for name, *_ in (*_LAB, *_TRAPS)]):
        steps = recipe.steps
        if situation.format != TORCH:
            steps = steps[1:] if steps and steps[0].produces == situation.format else steps
            if any(step.consumes != situation.format for step in steps) or recipe.runtime == "pytorch":
                continue
        found.setdefault(recipe.name, replace(recipe, steps=steps))
    return found


def _made(name: str, text: str, runtime: str, title: str, fills: dict[str, str]) -> Recipe:
    return Recipe(name, parse_recipe(text.format(**fills)), runtime, (), title)
