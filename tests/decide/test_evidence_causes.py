"""Causes found in the artifacts' own evidence, in studies made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from thimble.core.study import StepRecord, Study
from thimble.decide.findings import float_form, suspects
from thimble.decide.summarize import summarize

GRAPH: dict[str, Any] = {
    "nodes": 45, "quantized": 20, "integer": 20, "float": 0, "float_layers": [], "quantize": 1, "dequantize": 1, "conv_integer": 0,
    "batch_norms": 0, "activations": {"uint8": 38}, "fake_quantized": 0, "convolutions": 19, "not_by_8": 0, "not_by_16": 0,
}  # fmt: skip
MS = {"QLinearConv": 8.0, "QuantizeLinear": 0.1, "DequantizeLinear": 0.1, "QLinearAdd": 1.8}
BOTH: dict[str, Any] = {
    "here": "with VNNI", "split": "validation", "samples": 200, "risky_layers": 9, "between_db": 12.0, "cut": {"conv1": 0.02, "fc": 0.001},
    "with VNNI": {"how": "measured", "scores": [1.0] * 180 + [0.0] * 20, "sqnr_db": 28.5},
    "without VNNI": {"how": "emulated", "scores": [1.0] * 140 + [0.0] * 60, "sqnr_db": 13.9},
}  # fmt: skip
RANGES = {
    "input": {"x": {"low": -2.1, "high": 2.6, "clipped": 0.0, "used": 0.99}},
    "inside": {"relu": {"low": 0.0, "high": 3.0, "clipped": 0.0, "used": 0.9}}, "tensors": 30, "clipped": 0.0,
}  # fmt: skip


def with_evidence(study: Study, name: str, ms: dict[str, float] | None = None, **probes: Any) -> Study:
    changed = (replace(c, probes=probes, operators_ms=ms or {}) if c.name == name else c for c in study.candidates)
    return replace(study, candidates=tuple(changed))


def found(study: Study, name: str) -> dict[str, str]:
    return {finding.code: finding.text for finding in summarize(study).row(name).findings}


@pytest.fixture
def study(make) -> Study:
    return make(make.baseline, make.onnx, replace(make.static, ms=14.0))


def test_nothing_is_said_of_what_is_well(study: Study) -> None:
    new = with_evidence(
        study, "static", MS, graph=GRAPH, ranges=RANGES, processors=BOTH | {"between_db": 200.0}, subnormals={"weights_share": 0.0}
    )
    assert found(new, "static").keys() == found(study, "static").keys()


def test_layers_that_run_in_float_all_the_same(study: Study) -> None:
    graph = GRAPH | {"integer": 9, "float": 11, "quantize": 21, "dequantize": 51, "activations": {"int8": 40}}
    ms = {"Conv": 8.0, "QLinearConv": 4.0, "QuantizeLinear": 4.0, "DequantizeLinear": 4.0}
    said = found(with_evidence(study, "static", ms, graph=graph), "static")
    assert "executes 11 of the 20 convolutions and matrix products with 8-bit weights in float and 9 in integers" in said["float-islands"]
    assert "51 dequantize and 21 quantize nodes, which take 40.0 % of the time" in said["float-islands"]
    assert "signed" in said["float-islands"]
    assert "11 quantized layers still run in float" in said["int8-not-faster"]
    arm = replace(study, environment=replace(study.environment, features=("asimddp",)))
    assert "signed" not in found(with_evidence(arm, "static", ms, graph=graph), "static")["float-islands"]


def test_conversions_that_take_time_though_all_is_in_integers(study: Study) -> None:
    ms = {"QLinearConv": 8.0, "QuantizeLinear": 1.0, "DequantizeLinear": 1.0}
    assert "20.0 % of the time" in found(with_evidence(study, "static", ms, graph=GRAPH), "static")["float-islands"]


def test_small_networks_pay_for_starting_operators(study: Study) -> None:
    said = found(with_evidence(study, "static", {"QLinearConv": 0.3}, graph=GRAPH), "static")["int8-not-faster"]
    assert "its 45 operators take 6.67 microseconds each" in said


def test_dynamic_convolutions(make) -> None:
    dynamic = make.Made("dynamic", "to_onnx() + onnx_quantize_dynamic()", "onnxruntime", mb=11.3)
    graph = GRAPH | {"conv_integer": 19}
    text = found(with_evidence(make(make.baseline, dynamic), "dynamic", {"ConvInteger": 9.0, "Mul": 1.0}, graph=graph), "dynamic")
    assert (
        "19 convolutions into ConvInteger (90.0 % of the time; finding ranges and scaling back take 10.0 %)" in text["dynamic-convolutions"]
    )


def test_advice_that_was_tried_is_told_with_what_it_gained(study: Study) -> None:
    subnormals, flushed = {"weights_share": 0.02, "activations_share": None}, "subnormal weights set to zero"

    def said(tried: dict[str, dict[str, float]]) -> dict[str, str]:
        made = with_evidence(study, "static", graph=GRAPH, subnormals=subnormals, remedies={"tried": tried})
        return found(made, "static")

    none, some = {"value": 1.01, "low": 0.98, "high": 1.03}, {"value": 2.0, "low": 1.9, "high": 2.1}
    assert said({flushed: none})["subnormal-numbers"].endswith("was tried: no gain, 1.01x (0.980 to 1.03) its speed.")
    assert said({flushed: some})["subnormal-numbers"].endswith("was tried: 2.00x (1.90 to 2.10) faster. Do so.")
    assert "optimised-too-far" not in said({"graph_optimization_level=basic": none})
    told = said({"graph_optimization_level=basic": some, "graph_optimization_level=extended": none})["optimised-too-far"]
    assert "with graph_optimization_level basic it is 2.00x (1.90 to 2.10) faster. Open it with ORT_ENABLE_BASIC." in told


def test_batch_norms_and_subnormal_numbers(study: Study) -> None:
    probes = {"graph": GRAPH | {"batch_norms": 2}, "subnormals": {"weights_share": 0.02, "activations_share": None}}
    said = found(with_evidence(study, "static", {"BatchNormalization": 1.0, "QLinearConv": 1.0}, **probes), "static")
    assert "2 batch normalisations remain separate operators, 50.0 % of its time" in said["batch-norm-left"]
    assert said["subnormal-numbers"].startswith("2.00 % of its weights are subnormal numbers")


def test_fake_quantized_weights(study: Study) -> None:
    said = found(with_evidence(study, "static", graph=GRAPH | {"fake_quantized": 9_000_000}), "static")
    assert said["fake-quantized"].startswith("9.00 of its 11.4 MB are weights that are stored in float32 and quantized")


def test_channels_that_miss_the_vector(make) -> None:
    half = make.Made("half", "prune_channels(0.3) + to_onnx()", "onnxruntime", mb=22.0, ms=9.0, macs=900_000_000)
    study = with_evidence(make(make.baseline, make.onnx, half), "half", graph=GRAPH | {"not_by_16": 17, "not_by_8": 15})
    said = found(study, "half")["macs-not-time"]
    assert "17 of its 19 convolutions have a filter count that is not a multiple of 16 (15 not even of 8)" in said
    assert "2.00x fewer MACs" in said


def test_one_file_on_two_processors(study: Study) -> None:
    said = found(with_evidence(study, "static", graph=GRAPH, processors=BOTH), "static")["processor-dependent"]
    assert "90.0 % and 28.5 dB with VNNI (measured here) and 70.0 % and 13.9 dB without VNNI (emulated)" in said
    assert "on 200 validation samples: a drop of 20.00 points (" in said
    assert "conv1 (2.00 % of the pairs) and fc (0.100 % of the pairs)" in said
    bare = {kind: BOTH[kind] | {"scores": [], "sqnr_db": None} for kind in ("with VNNI", "without VNNI")}
    alone = found(with_evidence(study, "static", graph=GRAPH, processors=BOTH | bare), "static")["processor-dependent"]
    assert "Outputs of the same file with VNNI (measured here) and without VNNI (emulated) agree only to 12.0 dB" in alone


@pytest.mark.parametrize(
    ("shares", "said"),
    [({"clipped": 0.3}, "30.0 % of the values lie outside that range"), ({"used": 0.2}, "the values use 20.0 % of that range")],
)
def test_inputs_of_another_preprocessing(study: Study, shares: dict[str, float], said: str) -> None:
    ranges = RANGES | {"input": {"x": {"low": -2.1, "high": 2.6, "clipped": 0.0, "used": 0.99} | shares}, "clipped": 0.2}
    causes = found(with_evidence(study, "static", graph=GRAPH, ranges=ranges), "static")
    assert said in causes["other-inputs"]
    assert "narrow-ranges" not in causes


def test_ranges_from_too_few_samples(study: Study) -> None:
    ranges = RANGES | {"clipped": 0.02, "inside": {"relu": {"low": 0.0, "high": 3.0, "clipped": 0.4, "used": 1.0}}}
    said = found(with_evidence(study, "static", graph=GRAPH, ranges=ranges), "static")["narrow-ranges"]
    assert "2.00 % of its activations lie outside the ranges that calibration found, most in relu (40.0 %)" in said


def test_an_artifact_that_was_given_beside_its_float_form(make) -> None:
    first = make.Made("model", runtime="onnxruntime", ms=10.0)
    second = make.Made("model-int8", runtime="onnxruntime", mb=11.4, ms=14.0)
    study = with_evidence(make(first, second), "model-int8", MS, graph=GRAPH)
    assert "slower than model" in found(study, "model-int8")["int8-not-faster"]
    assert "int8-not-faster" not in found(make(first, second), "model-int8")


def test_a_network_that_came_with_zeros(make) -> None:
    given = make.Made("given", mb=44.8, zeros=0.6, deflated=20.0)
    assert "60.0 % of its weights are zero" in found(make(given), "given")["zeros-stored"]
    assert "zeros-stored" not in found(make(replace(given, zeros=0.05)), "given")


def test_who_is_looked_into(make) -> None:
    from thimble.core.values import File

    files = (File("model.onnx", 1, ""),)
    lossy = replace(make.static, name="lossy", lost=60, files=files, recipe="to_onnx() + onnx_quantize_static(per_channel=False)")
    study = make(make.baseline, replace(make.onnx, files=files), replace(make.static, files=files), lossy)
    assert suspects(study) == ["lossy", "static"]
    assert suspects(replace(study, chosen="static")) == ["static", "lossy"]
    assert suspects(study, ["static"]) == ["static"]
    assert float_form(study, study.candidate("lossy")) == "onnx"
    assert float_form(study, study.candidate("onnx")) is None


def test_convolutions_that_became_integer_ones_are_told_once(make) -> None:
    plain = make.Made("onnx", "to_onnx()", "onnxruntime", ms=4.0, mb=44.7)
    dynamic = make.Made("dynamic", "to_onnx() + onnx_quantize_dynamic()", "onnxruntime", ms=9.0, mb=11.3)
    study = make(make.baseline, plain, dynamic)
    assert "turns convolutions, if there are any, into ConvInteger" in found(study, "dynamic")["dynamic-slower"]
    said = found(with_evidence(study, "dynamic", {"ConvInteger": 9.0}, graph=GRAPH | {"conv_integer": 19}), "dynamic")
    assert "ConvInteger" not in said["dynamic-slower"]
    assert "19 convolutions into ConvInteger" in said["dynamic-convolutions"]


def noted(study: Study, name: str, **notes: Any) -> Study:
    record = StepRecord("some_step", "some_step()", {}, 1, 1.0, False, "onnx", "key", notes)
    return replace(study, candidates=tuple(replace(c, steps=(record,)) if c.name == name else c for c in study.candidates))


def test_operators_that_a_quantizer_left_in_float_are_named(study: Study) -> None:
    said = found(
        noted(study, "static", left_in_float=["fc (MatMul)", "head (Gemm)"], left_reason="the quantizer fails: KeyError: 'b'"), "static"
    )
    wanted = "2 operators can't be quantized and stay in float: fc (MatMul), head (Gemm) (the quantizer fails: KeyError: 'b')."
    assert said["left-in-float"] == wanted
    assert "left-in-float" not in found(study, "static")


def test_operators_in_branches_and_groups_that_keep_their_channels_are_told(study: Study) -> None:
    new = noted(study, "static", float_operators_in_subgraphs=1, left_unpruned=["wide"], left_reason="index 16 is out of bounds")
    said = found(new, "static")
    assert said["float-subgraphs"].startswith("1 heavy operator inside If, Loop or Scan stays in float.")
    assert said["left-unpruned"].startswith("1 group of layers keeps all channels, since removing them breaks the network: wide (index 16")
