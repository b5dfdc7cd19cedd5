"""What is tried where only some runtimes may be used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thimble.core.errors import BadInput
from thimble.search.allowed import trials
from thimble.search.candidates import Situation

SPLITS = ("train", "calibration", "validation", "test")
BARE = Situation("torch", 800, installed=lambda module: False, bfloat16=False)
RICH = replace(BARE, installed=lambda module: True)


def only(situation: Situation, *names: str) -> Situation:
    return replace(situation, only=frozenset(names))


def test_without_a_choice_everything_that_is_installed_is_tried() -> None:
    assert {one.runtime for one in trials(RICH, SPLITS).recipes} >= {"pytorch", "onnxruntime", "openvino", "ncnn", "litert"}
    assert trials(BARE, SPLITS).reasons == {}
    assert "tflite_micro" not in {one.runtime for one in trials(RICH, SPLITS).recipes}, "nobody's device, unless it is asked for"


def test_runtimes_that_may_be_used_come_first_then_one_recipe_of_each_other() -> None:
    found = [(one.name, one.runtime) for one in trials(only(RICH, "litert"), SPLITS).recipes]
    assert found[:4] == [
        ("baseline", "pytorch"),
        ("litert", "litert"),
        ("litert-int8", "litert"),
        ("litert-int8-dynamic", "litert"),
    ]
    assert [runtime for _, runtime in found[4:]] == ["onnxruntime", "openvino", "ncnn", "executorch", "pytorch"]
    assert ("onnx-int8", "onnxruntime") in found


def test_what_is_not_installed_is_a_row_with_the_command() -> None:
    made = trials(only(replace(BARE, installed=lambda module: module not in ("nncf", "ncnn", "pnnx")), "onnxruntime", "ncnn"), SPLITS)
    assert made.reasons["ncnn"] == "ncnn is not installed; install it with: pip install 'thimble-fit[ncnn]'"
    assert "thimble-fit[nncf]" in made.reasons["onnx-int8-nncf"], "of a runtime that is there a step may be missing"
    assert {one.name for one in made.recipes} >= {"onnx-int8", "ncnn", "ncnn-fp16", "int8-static"}


def test_where_nothing_can_be_tried_the_reason_is_said_at_once() -> None:
    with pytest.raises(BadInput, match=r"TensorFlow Lite Micro can't be used here: .*pip install 'thimble-fit\[tflite-micro\]'"):
        trials(only(BARE, "tflite_micro"), SPLITS)
    with pytest.raises(BadInput, match="LiteRT can't be used here: no recipe leads there from the format onnx"):
        trials(only(replace(RICH, format="onnx"), "litert"), SPLITS)
    device = replace(RICH, runtimes=frozenset({"onnxruntime"}))
    with pytest.raises(BadInput, match="LiteRT is not on the device"):
        trials(only(device, "litert"), SPLITS)


def test_microcontrollers_are_tried_where_they_are_named() -> None:
    assert [one.name for one in trials(only(RICH, "tflite_micro"), SPLITS).recipes][:2] == ["baseline", "tflite-micro-int8"]
