"""Networks become OpenVINO's files: whole, with smaller weights, and quantized by NNCF on samples of the calibration split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.task import Split
from thimble.core.values import TensorSpec
from thimble.engine.opening import check_answers
from thimble.models import look_through
from thimble.steps.compress.openvino_quantize_controlled import OpenvinoQuantizeControlled
from thimble.steps.compress.openvino_quantize_static import OpenvinoQuantizeStatic
from thimble.steps.compress.openvino_store_int import OpenvinoStoreInt
from thimble.steps.export.to_onnx import ToOnnx
from thimble.steps.export.to_openvino import ToOpenvino

pytest.importorskip("openvino")
Convert = Callable[..., Model]


@pytest.fixture
def convert(tiny: Model, context: Context, tmp_path: Path) -> Convert:
    """A step's result on a network in memory, the tiny one unless told otherwise."""

    def converted(step: Any, model: Model = tiny, context: Context = context) -> Model:
        count = len(list(tmp_path.iterdir()))
        (onnx := tmp_path / f"onnx{count}").mkdir()
        (out := tmp_path / f"out{count}").mkdir()
        result: Model = step.apply(ToOnnx().apply(model, replace(context, output=onnx)), replace(context, output=out))
        return result

    return converted


def size(model: Model) -> int:
    return (model.folder / "model.bin").stat().st_size


def test_answers_are_pytorchs_and_half_the_bytes_nearly(convert: Convert, tiny: Model, context: Context) -> None:
    whole, half = convert(ToOpenvino()), convert(ToOpenvino("float16"))
    assert sorted(path.name for path in whole.folder.iterdir()) == ["model.bin", "model.xml"]
    look_through(whole.folder / "model.xml", "openvino")
    assert check_answers(whole, tiny, ToOpenvino(), context.task, 1).notes["agreement_db"] > 90
    assert 50 < check_answers(half, tiny, ToOpenvino("float16"), context.task, 1).notes["agreement_db"] < 90
    assert 0.45 < size(half) / size(whole) < 0.55
    assert (
        "/"
        not in (whole.folder / "model.xml")
        .read_text()
        .partition("<rt_info>")[2]
        .replace("</", "")
        .replace("/>", "")
        .replace("releases/2026", "")
        or str(whole.folder) not in (whole.folder / "model.xml").read_text()
    )


def test_weights_in_8_bits(convert: Convert, tiny: Model, context: Context) -> None:
    pytest.importorskip("nncf")
    whole, small = convert(ToOpenvino()), convert(OpenvinoStoreInt())
    assert size(small) < 0.35 * size(whole)
    assert small.notes["stored_weights"]["i8"] == 5
    assert 25 < check_answers(small, tiny, OpenvinoStoreInt(), context.task, 1).notes["agreement_db"] < 70


def test_4_bits_are_for_matrix_products(convert: Convert, context: Context) -> None:
    pytest.importorskip("nncf")
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)).eval()
    dense = Model("torch", layers, (TensorSpec("x", (None, 64)),), ("output",))
    made = convert(OpenvinoStoreInt(4), dense, replace(context, task=None))
    assert made.notes["stored_weights"]["i4"] == 2
    assert size(made) < 0.25 * size(convert(ToOpenvino(), dense, replace(context, task=None)))
    conv = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    with pytest.raises(NotApplicable, match="no weight of this network in 4 bits; convolutions get 8"):
        convert(OpenvinoStoreInt(4), Model("torch", conv, (TensorSpec("x", (None, 3, 16, 16)),), ("output",)))
    with pytest.raises(BadInput, match="8 or 4, not 6"):
        OpenvinoStoreInt(6)


def test_static_int8_quantizes_every_heavy_operator(convert: Convert, tiny: Model, context: Context) -> None:
    pytest.importorskip("nncf")
    made = convert(OpenvinoQuantizeStatic(samples=20))
    assert made.notes["quantized_operators"] == 5
    assert made.notes["float_operators"] == 0
    assert made.notes["calibration_samples"] == 20
    assert check_answers(made, tiny, OpenvinoQuantizeStatic(), context.task, 1).notes["agreement_db"] > 15


class _Watched:
    """A task that remembers which splits were asked for."""

    def __init__(self, task: Any, asked: list[str]) -> None:
        self._task, self._asked = task, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def split(self, name: str) -> Split:
        self._asked.append(name)
        split: Split = self._task.split(name)
        return split


def test_accuracy_control_puts_operators_back_and_sees_calibration_only(convert: Convert, tiny: Model, context: Context) -> None:
    pytest.importorskip("nncf")
    asked: list[str] = []
    watched = replace(context, task=_Watched(context.task, asked))  # type: ignore[arg-type]
    loose, strict = (convert(OpenvinoQuantizeControlled(share, samples=16), context=watched) for share in (0.3, 0.00002))
    assert loose.notes["quantized_operators"] == 5
    assert strict.notes["quantized_operators"] < 5
    assert set(asked) == {"calibration"}
    found = [check_answers(made, tiny, OpenvinoQuantizeControlled(), context.task, 1).notes["agreement_db"] for made in (loose, strict)]
    assert found[1] > found[0]
    with pytest.raises(NotApplicable, match="needs 4 calibration samples, and there are 2"):
        convert(OpenvinoQuantizeControlled(samples=2))
