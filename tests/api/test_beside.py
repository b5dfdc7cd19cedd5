"""A short look at an artifact's speed that a busy machine doesn't allow says so."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from thimble.api._beside import _speedup
from thimble.core.artifact import Artifact
from thimble.core.model import Model
from thimble.core.subject import Subject
from thimble.core.values import TensorSpec


def test_without_quiet_rounds_the_reason_is_the_busy_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = (TensorSpec("x", (None, 3)),)
    (tmp_path / "model.onnx").write_bytes(b"x")
    made = Subject("after", tmp_path, Artifact("onnx", "model.onnx", (), inputs, ("y",)), "onnxruntime", 1)
    monkeypatch.setattr("thimble.measure.latency.measure_latency", lambda *given: None)
    monkeypatch.setattr("thimble.stats.speedup_in", lambda run, name: None)
    monkeypatch.setattr("thimble.devices.lock.measuring_lock", lambda wait_s: nullcontext())
    assert _speedup(Model("onnx", tmp_path, inputs, ("y",)), made, None) == (None, "the machine is busy: other programs held the processor")
