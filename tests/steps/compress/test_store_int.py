"""Weights in 8 and 4 bits are folded back when a file is opened, and lose what their rounding loses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.measure.optimised import optimised
from thimble.steps.compress.onnx_store_int import OnnxStoreInt, whole_tensor
from thimble.steps.export.to_onnx import ToOnnx

X = np.random.default_rng(0).standard_normal((3, 3, 16, 16)).astype(np.float32)


def answer(path: Path) -> np.ndarray:
    given: np.ndarray = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": X})[0]
    return given


@pytest.mark.parametrize(("bits", "least_db", "share"), [(8, 35.0, 0.36), (4, 12.0, 0.25)])
def test_the_file_shrinks_runs_by_the_same_operators_and_answers_nearly_alike(
    bits: int, least_db: float, share: float, tiny: Model, context: Context, tmp_path: Path
) -> None:
    (tmp_path / "onnx").mkdir()
    exported = ToOnnx().apply(tiny, replace(context, output=tmp_path / "onnx"))
    made = OnnxStoreInt(bits).apply(exported, context)
    before, after = (model.folder / "model.onnx" for model in (exported, made))
    assert after.stat().st_size < share * before.stat().st_size
    assert made.notes["stored_weights"] == 5
    kinds = [sorted(node.op_type for node in optimised(path).graph.node) for path in (before, after)]
    assert kinds[0] == kinds[1], "the casts are not folded"
    wanted, given = answer(before), answer(after)
    assert 10 * np.log10(np.square(wanted).sum() / np.square(given - wanted).sum()) > least_db
    with pytest.raises(NotApplicable, match="no large weight"):
        OnnxStoreInt(bits, least=10**6).apply(exported, context)


@pytest.mark.parametrize("shape", [(3, 4), (3, 3)])
def test_four_bits_are_packed_as_onnx_reads_them(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).integers(-8, 8, shape).astype(np.int8)
    tensor = whole_tensor(values, 4, "w")
    assert tensor.data_type == onnx.TensorProto.INT4
    np.testing.assert_array_equal(numpy_helper.to_array(tensor).astype(np.int8), values)


def test_scales_too_small_for_16_bits_stay_in_32_and_zeros_stay_zero() -> None:
    rows = np.array([[1e-6, -2e-6] * 4, [0.0] * 8], np.float32)
    whole, scale = OnnxStoreInt(8)._rounded(rows)
    assert scale.dtype == np.float32
    np.testing.assert_allclose(whole * scale, rows, atol=2e-8)
    assert not whole[1].any()


def test_other_bits_are_refused() -> None:
    with pytest.raises(BadInput, match="8 or 4, not 3"):
        OnnxStoreInt(3)
