"""Integer products redone in NumPy, against ONNX Runtime's own kernels: on this processor, and on one without VNNI."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.processor import int8_support
from thimble.measure.integers.emulation import Emulation
from thimble.measure.integers.products import product, risky_pairs, windows

_spec = importlib.util.spec_from_file_location("quantized", Path(__file__).parent / "quantized.py")
assert _spec is not None
assert _spec.loader is not None
quantized = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quantized)

NETWORKS = {
    "convolutions": (lambda path: quantized.convolutions(path), quantized.IMAGES),
    "7-bit": (lambda path: quantized.convolutions(path, weights=63), quantized.IMAGES),
    "signed": (lambda path: quantized.convolutions(path, np.int8), quantized.IMAGES),
    "products": (lambda path: quantized.products(path), quantized.TOKENS),
}
x86 = pytest.mark.skipif(int8_support() not in ("vnni", "saturating"), reason="needs an x86 processor with AVX2")


def by_hand(a: Any, b: Any) -> Any:
    """Every pair by itself."""
    total = np.zeros((len(a), b.shape[1]), np.int64)
    for k in range(0, a.shape[1], 2):
        total += np.clip(a[:, k : k + 2].astype(np.int64) @ b[k : k + 2].astype(np.int64), -32768, 32767)
    return total


@pytest.mark.parametrize("depth", [1, 2, 7, 1200])
def test_pairs_are_cut_at_16_bits(depth: int) -> None:
    generator = np.random.default_rng(depth)
    a = generator.integers(0, 256, (5, depth)).astype(np.uint8)
    b = generator.integers(-128, 128, (depth, 9)).astype(np.int8)
    exact, none = product(a, b, saturating=False)
    assert (exact == a.astype(np.int64) @ b.astype(np.int64)).all()
    assert none == 0
    cut, count = product(a, b, saturating=True)
    assert (cut == by_hand(a, b)).all()
    assert (count > 0) == bool((cut != exact).any())


def test_seven_bits_are_never_cut() -> None:
    generator = np.random.default_rng(0)
    small = generator.integers(-64, 65, (300, 40)).astype(np.int8)
    assert risky_pairs(small) == []
    assert product(np.full((3, 300), 255, np.uint8), small, saturating=True)[1] == 0


def test_windows_have_channels_innermost() -> None:
    x = np.arange(2 * 3 * 5 * 4).reshape(2, 3, 5, 4)
    rows = windows(x, (2, 2), (2, 1), (1, 2))
    assert rows.shape == (2, 2 * 2, 4 * 3)
    assert (rows[1, 3, :3] == x[1, :, 2, 1]).all()
    assert (rows[1, 3, -3:] == x[1, :, 3, 3]).all()


@x86
@pytest.mark.parametrize("name", NETWORKS)
def test_emulation_equals_what_this_processor_computes(name: str, tmp_path: Path) -> None:
    make, shape = NETWORKS[name]
    path = make(tmp_path / "model.onnx")
    given = quantized.inputs(shape)
    real = quantized.session(path).run(None, given)[0]
    assert np.ptp(real) > 0
    emulated = Emulation(path, int8_support() == "saturating").run(given)
    assert (emulated["output"] == real).all()


def test_saturation_is_counted_by_layer(tmp_path: Path) -> None:
    emulation = Emulation(quantized.convolutions(tmp_path / "model.onnx"), saturating=True)
    emulation.run(quantized.inputs(quantized.IMAGES, 2))
    assert emulation.pairs["conv1"] == 2 * 16 * 16 * 16 * 13
    assert 0 < emulation.cut["conv1"] < emulation.pairs["conv1"] / 10
    assert emulation.cut["depthwise"] == 0


@pytest.mark.slow
@x86
@pytest.mark.parametrize("name", NETWORKS)
def test_emulation_equals_the_real_kernels_of_a_processor_without_vnni(name: str, tmp_path: Path) -> None:
    """ONNX Runtime's AVX2 kernels, on a processor that QEMU plays."""
    qemu = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("needs qemu-x86_64 (Debian: qemu-user-static)")
    make, shape = NETWORKS[name]
    path = make(tmp_path / "model.onnx")
    given = quantized.inputs(shape, 3)
    np.savez(tmp_path / "in.npz", **given)
    lines = (
        "import numpy, onnxruntime, sys",
        "settings = onnxruntime.SessionOptions()",
        "settings.intra_op_num_threads, settings.log_severity_level = 1, 4",
        "session = onnxruntime.InferenceSession(sys.argv[1], settings, providers=['CPUExecutionProvider'])",
        "numpy.save(sys.argv[3], session.run(None, dict(numpy.load(sys.argv[2])))[0])",
    )
    command = [qemu, sys.executable, "-c", "\n".join(lines), str(path), str(tmp_path / "in.npz"), str(tmp_path / "out.npy")]
    subprocess.run(command, env={**os.environ, "QEMU_CPU": "Haswell"}, check=True, capture_output=True)
    real = np.load(tmp_path / "out.npy")
    emulated = Emulation(path, saturating=True).run(given)["output"]
    assert (emulated == real).all()
    exact = Emulation(path, saturating=False).run(given)["output"]
    assert (exact != real).any() == (name != "7-bit")  # signed activations become unsigned on x86 before they are multiplied
