"""Refinements of a quantized file: biases, ranges, and that neither stays where it makes the outputs less true."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from thimble.core.errors import BadInput
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.measure.optimised import optimised
from thimble.steps.compress import _refining
from thimble.steps.compress._bias_correction import correct_biases, told
from thimble.steps.compress._calibration import calibration_batches
from thimble.steps.compress._onnx_files import prepared
from thimble.steps.compress._qdq import Layer, QdqFile
from thimble.steps.compress._ranges import best_range
from thimble.steps.compress.onnx_quantize_refined import OnnxQuantizeRefined
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.export.to_onnx import ToOnnx


@pytest.fixture
def exported(tiny: Model, context: Context, tmp_path: Path) -> Model:
    (tmp_path / "given").mkdir()
    return ToOnnx().apply(tiny, replace(context, output=tmp_path / "given"))


def quantized(model: Model, context: Context) -> tuple[Path, Path]:
    made = OnnxQuantizeStatic().quantized(model, context)
    return prepared(model, context.scratch), made.folder / "model.onnx"


def bias_of(file: QdqFile, layer: Layer) -> Any:
    """A layer's bias, zeros where it has none."""
    bias = file.bias(layer)
    return np.zeros(layer.grid.scale.size, np.float32) if bias is None else bias


def test_a_file_is_read_as_it_is_computed(exported: Model, context: Context) -> None:
    source, target = quantized(exported, context)
    file, floats = QdqFile.read(target), onnx.load(str(source))
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in floats.graph.initializer}
    named = {node.name: node for node in floats.graph.node}
    layers = file.layers()
    assert len(layers) == 5
    for layer in layers:
        weight = held[named[layer.name].input[1]]
        step = layer.grid.shaped(layer.grid.scale, weight.ndim)
        assert (np.abs(layer.grid.numbers(file.array(layer.weight)) - weight) <= step * 0.501).all()
        bias = named[layer.name].input[2:]
        np.testing.assert_allclose(bias_of(file, layer), held[bias[0]] if bias else 0.0, atol=1e-4)
    before, new = target.read_bytes(), sum(file.bias(layer) is None for layer in layers)
    for layer in layers:
        file.put_bias(layer, bias_of(file, layer))
    file.save(target)
    assert target.read_bytes() != before
    assert len(file.model.graph.node) == len(onnx.load_from_string(before).graph.node) + new
    names = [value.name for value in floats.graph.output]
    batches = list(calibration_batches(exported, context, "data", 8))
    given = [next(iter(told(onnx.load_from_string(one), names, batches, 1))) for one in (before, target.read_bytes())]
    np.testing.assert_allclose(given[0][0], given[1][0], atol=1e-5)


def test_corrected_biases_take_the_mean_error_of_each_channel_away(exported: Model, context: Context) -> None:
    source, target = quantized(exported, context)
    file = QdqFile.read(target)
    off = file.layers()[1]
    file.put_bias(off, bias_of(file, off) + np.linspace(-0.3, 0.3, 16))
    file.save(target)
    batches = list(calibration_batches(exported, context, "data", 64))
    floats, outputs = onnx.load(str(source)), {}
    outputs = {node.name: node.output[0] for node in floats.graph.node}

    def errors() -> list[float]:
        there = QdqFile.read(target)
        found = []
        for layer in there.layers():
            wanted, given = (
                np.concatenate([arrays[0] for arrays in told(model, [name], batches, 1)])
                for model, name in ((floats, outputs[layer.name]), (there.model, layer.node.output[0]))
            )
            axes = tuple(k for k in range(wanted.ndim) if k != 1)
            found.append(float(np.abs((given - wanted).mean(axes)).max() / wanted.std()))
        return found

    before = errors()
    correct_biases(source, target, batches, 1, lambda done, words: None)
    after = errors()
    assert max(before) > 0.1
    assert max(after) < 0.01, (before, after)


def test_a_range_is_narrowed_where_outliers_widen_it() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(0, 1, 4000), [40.0]])
    scale, zero = best_range(values, (80 / 255, 128), 0, 255)
    whole = np.clip(np.round(values / scale) + zero, 0, 255)
    plain = np.clip(np.round(values * 255 / 80) + 128, 0, 255)
    assert np.square((whole - zero) * scale - values).mean() < np.square((plain - 128) * 80 / 255 - values).mean()
    even = np.linspace(-1, 1, 1001)
    assert best_range(even, (2 / 255, 128), 0, 255) == pytest.approx((2 / 255, 128), rel=0.02)


def test_each_method_is_kept_only_where_unseen_samples_come_out_truer(
    exported: Model, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = OnnxQuantizeRefined()
    made = step.apply(exported, context)
    notes = made.notes["refined_db"]
    assert set(notes) == {"ranges", "biases"}
    assert notes["biases"][0] == max(notes["ranges"])
    kinds = {node.op_type for node in optimised(made.folder / "model.onnx").graph.node}
    assert "QLinearConv" in kinds
    assert "Conv" not in kinds

    def spoil(source: Path, target: Path, batches: Any, threads: int, tell: Any) -> None:
        file = QdqFile.read(target)
        for layer in file.layers():
            file.put_bias(layer, bias_of(file, layer) + 3)
        file.save(target)

    source, target = quantized(exported, dataclasses.replace(context))
    before = target.read_bytes()
    monkeypatch.setitem(_refining.CHANGES, "biases", spoil)
    found = _refining.refine(("biases",), source, target, exported, context, 64)
    assert found["biases"][1] < found["biases"][0]
    assert target.read_bytes() == before


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(BadInput, match="methods must be some of ranges, biases, not 'bias'"):
        OnnxQuantizeRefined(("bias",))
    with pytest.raises(BadInput, match="not none"):
        OnnxQuantizeRefined(())
