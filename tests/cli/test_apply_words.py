"""The line that ends ``thimble apply``: an artifact beside the file that was quantized, a disappointment in plain words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from thimble.api._beside import Beside
from thimble.cli.apply import _beside
from thimble.core.summary import Interval


def said(now: int, found: Beside | None, note: str = "") -> list[str]:
    change = SimpleNamespace(notes={"normalised": [note]})
    return _beside(SimpleNamespace(beside=found, size=SimpleNamespace(bytes=now), changes=(change,)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "speed", "words"),
    [
        (26, (2.0, 1.9, 2.1), ""),
        (98, (2.0, 1.9, 2.1), ": it is hardly smaller"),
        (98, (0.5, 0.4, 0.6), ": it is hardly smaller and slower"),
        (26, (1.0, 0.9, 1.1), ": it is not proven faster"),
        (120, (0.5, 0.4, 0.6), ": it is larger and slower"),
    ],
)
def test_what_disappoints_is_said(now: int, speed: tuple[float, float, float], words: str) -> None:
    figures = f"{speed[0]:.2f}x ({speed[1]:.2f}-{speed[2]:.2f}) as fast"
    assert said(now, Beside("net.onnx", 100, Interval(*speed))) == [f"beside net.onnx: {now}% of its size, {figures}{words}"]


def test_what_was_not_measured_or_compared_is_said_too() -> None:
    assert said(26, Beside("net.onnx", 100, None, "another run")) == [
        "beside net.onnx: 26% of its size, its speed was not measured (another run)"
    ]
    assert said(26, None) == []
    assert "larger (that file computes its weights" in said(300, Beside("a", 100), "1 weight computed in the graph stored")[0]
