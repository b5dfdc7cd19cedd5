"""NNCF's flow: absent, it says how to get it; present, everything heavy becomes INT8 and nothing is reported to anyone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from thimble.core.errors import BadInput, MissingExtra, NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.steps.compress.nncf_quantize import NncfQuantize
from thimble.steps.compress.onnx_quantize_dynamic import OnnxQuantizeDynamic
from thimble.steps.export.to_onnx import ToOnnx


def test_absent_it_gives_its_install_line(tiny: Model, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(MissingExtra, match=r"pip install 'thimble-fit\[nncf\]'"):
        NncfQuantize().apply(tiny, context)


@pytest.mark.parametrize("fields", [{"preset": "fast"}, {"subset_size": 0}])
def test_settings_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=str(next(iter(fields.values())))):
        NncfQuantize(**fields)  # type: ignore[arg-type]


def test_it_quantizes_every_heavy_operator_once(tiny: Model, context: Context, tmp_path: Path) -> None:
    nncf = pytest.importorskip("nncf")
    (tmp_path / "onnx").mkdir()
    given = ToOnnx().apply(tiny, replace(context, output=tmp_path / "onnx"))
    made = NncfQuantize(subset_size=20).apply(given, context)
    assert made.notes["quantized_operators"] == 5
    assert made.notes["float_operators"] == 0
    assert made.notes["calibration_samples"] == 20
    assert type(nncf.telemetry.telemetry).__name__ != "NNCFTelemetry"
    (tmp_path / "again").mkdir()
    dynamic = OnnxQuantizeDynamic().apply(given, replace(context, output=tmp_path / "again"))
    with pytest.raises(NotApplicable, match="quantized already"):
        NncfQuantize().apply(dynamic, context)
