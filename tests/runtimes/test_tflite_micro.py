"""The arena that the interpreter of microcontrollers needs, and what a study makes of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from thimble.api.apply import Apply, apply
from thimble.engine.store import Store

ABSENT = [name for name in ("tflite_micro", "litert_torch", "ai_edge_quantizer") if importlib.util.find_spec(name) is None]
TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"


@pytest.mark.slow
@pytest.mark.skipif(bool(ABSENT), reason=f"needs {', '.join(ABSENT)}")
def test_the_smallest_arena_starts_and_a_smaller_one_does_not(tmp_path: Path) -> None:
    from thimble.formats.tflite import operators
    from thimble.runtimes import tflite_micro as micro

    apply(Apply("tflite-micro-int8", TINY, "digits", size=16), tmp_path / "out", store=Store(tmp_path / "store"))
    path = next((tmp_path / "out").rglob("model.tflite"))
    session = micro.TfliteMicro().open(str(path), ["x"], ["output"], 1, {})
    assert micro._starts(path.read_bytes(), session.arena_bytes)
    assert not micro._starts(path.read_bytes(), session.arena_bytes - micro.CLOSE)
    answer = session.run({"x": np.zeros((2, 3, 16, 16), np.float32)})
    assert answer["output"].shape == (2, 10)
    assert "CONV_2D" in operators(path)
