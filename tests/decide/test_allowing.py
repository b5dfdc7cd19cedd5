"""A study that may choose only some runtimes decides among those, and says what another one would gain."""

from __future__ import annotations

from dataclasses import replace

from thimble.core.study import Limits
from thimble.decide.choose import choose, fits
from thimble.decide.summarize import summarize
from thimble.search.shortlist import shortlist

LIMITS = Limits(max_drop=4)


def openvino(make, ms: float = 2.0):
    return make.Made("openvino-int8", "to_onnx() + onnx_quantize_static()", "openvino", ms=ms, mb=11.0)


def test_only_what_the_device_has_is_chosen(make) -> None:
    free = make(make.baseline, make.onnx, make.static, openvino(make), limits=LIMITS)
    assert choose(free) == "openvino-int8"
    held = replace(free, runtimes=("onnxruntime",))
    assert choose(held) == "static"
    assert fits(free, "openvino-int8")
    assert not fits(held, "openvino-int8")
    assert choose(replace(free, runtimes=("ncnn",))) is None, "the baseline isn't chosen either"
    assert shortlist(held) == ["baseline", "static", "onnx", "openvino-int8"], "what it would gain is measured"


def test_what_another_runtime_would_gain_is_said_as_far_as_it_is_proven(make) -> None:
    def said(*made, **changes) -> str:
        study = make(make.baseline, make.onnx, make.static, *made, limits=LIMITS, runtimes=("onnxruntime",), chosen="static")
        return summarize(replace(study, **changes)).recommendation

    assert "Allowing OpenVINO would gain: openvino-int8 is 2" in said(openvino(make))
    assert "x faster than static (" in said(openvino(make))
    assert "No gain is proven from allowing another runtime; tried: PyTorch and OpenVINO." in said(openvino(make, ms=30.0))
    assert "llowing" not in said(openvino(make), runtimes=())
    small = replace(openvino(make), mb=2.0)
    assert "openvino-int8 is 5.70x smaller" in said(small, limits=Limits(max_drop=4, minimize="size"))
    assert "openvino-int8 keeps the limit on size" in said(small, limits=Limits(max_drop=4, max_size=3.0))


def test_a_candidate_of_another_runtime_says_why_it_is_not_chosen(make) -> None:
    study = make(make.baseline, make.static, openvino(make), limits=LIMITS, runtimes=("onnxruntime",), chosen="static")
    summary = summarize(study)
    assert summary.row("openvino-int8").verdict == "OpenVINO is not among the runtimes that may be chosen (onnxruntime)"
    assert summary.row("static").verdict.startswith("chosen: the fastest candidate, proven"), "the fastest of those that may be"
