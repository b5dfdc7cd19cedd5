from __future__ import annotations

from dataclasses import replace

import pytest

from thimble.core.study import Finding, Study
from thimble.core.values import File
from thimble.decide.summarize import summarize

MB = 1_000_000


def found(study: Study, name: str) -> dict[str, str]:
    return {finding.code: finding.text for finding in summarize(study).row(name).findings}


def test_dynamic_quantization_that_left_the_size(make) -> None:
    dynamic = make.Made("dynamic", "torch_quantize_dynamic()", mb=43.3, types={"float32": 43 * MB, "int8": MB // 5})
    text = found(make(make.baseline, dynamic), "dynamic")["dynamic-left-convolutions"]
    assert text.startswith("43.0 of its 43.3 MB are still float32: dynamic quantization in PyTorch converts linear")
    assert text.endswith("it is no smaller.")
    really = replace(dynamic, mb=11.3, types={"float32": MB, "int8": 10 * MB})
    assert "dynamic-left-convolutions" not in found(make(make.baseline, really), "dynamic")


def test_quantized_by_name_only(make) -> None:
    fake = replace(make.static, mb=44.9, types={"float32": 44 * MB, "int8": MB // 10})
    assert "most of its weights are not quantized" in found(make(make.baseline, fake), "static")["weights-still-float"]


def test_dynamic_onnx_slower_than_its_float(make) -> None:
    slow = make.Made("slow", "to_onnx() + onnx_quantize_dynamic()", "onnxruntime", mb=11.3, ms=45.0)
    text = found(make(make.baseline, make.onnx, slow), "slow")["dynamic-slower"]
    assert text.startswith(("It is 4.4", "It is 4.5"))
    assert "ConvInteger" in text
    even = replace(slow, ms=10.05, scatter=0.1)
    assert "dynamic-slower" not in found(make(make.baseline, make.onnx, even), "slow")


def test_int8_that_does_not_pay(make) -> None:
    slow = replace(make.static, ms=14.0)
    text = found(make(make.baseline, make.onnx, slow), "static")["int8-not-faster"]
    assert text.startswith("INT8 saves no time: it is 1.")
    assert "VNNI" in text
    newer = make(make.baseline, make.onnx, slow, features=("avx512f", "avx512_vnni"))
    assert "VNNI" not in found(newer, "static")["int8-not-faster"]
    assert "int8-not-faster" not in found(make(make.baseline, make.onnx, make.static), "static")


def test_noise_is_no_reason_to_doubt_int8(make) -> None:
    """Nothing is known where the interval reaches from slower to much faster."""
    vague = replace(make.static, ms=8.0, scatter=1.0)
    assert "int8-not-faster" not in found(make(make.baseline, make.onnx, vague, rounds=6), "static")


def test_a_small_network_is_named_as_one(make) -> None:
    tiny = replace(make.static, ms=14.0, macs=3_000_000)
    assert "3.00 million MACs" in found(make(make.baseline, make.onnx, tiny), "static")["int8-not-faster"]


def test_signed_activations(make) -> None:
    signed = replace(make.static, name="signed", recipe="to_onnx() + onnx_quantize_static('int8')", ms=8.0)
    unsigned = replace(make.static, name="unsigned", recipe="to_onnx() + onnx_quantize_static('uint8')")
    text = found(make(make.baseline, make.onnx, signed, unsigned), "signed")["signed-activations"]
    assert "slower than unsigned" in text
    assert "signed-activations" not in found(make(make.baseline, make.onnx, signed, replace(unsigned, ms=9.0)), "signed")


def test_zeros_that_ship(make) -> None:
    pruned = make.Made("pruned", "prune_weights(0.5)", zeros=0.5, deflated=25.0, ms=20.0)
    text = found(make(make.baseline, pruned), "pruned")["zeros-stored"]
    assert text.startswith("50.0 % of its weights are zero")
    assert "It shrinks only when deflated, to 25.0 MB against 41.7 MB" in text
    assert "not proven faster or slower than baseline" in text
    assert "multiplied" not in found(make(make.baseline, replace(pruned, ms=10.0)), "pruned")["zeros-stored"]
    assert "zeros-stored" not in found(make(make.baseline, replace(pruned, mb=22.0)), "pruned")


def test_fewer_macs_than_time(make) -> None:
    half = make.Made("half", "prune_channels(0.3) + finetune(2)", mb=22.0, ms=14.0, macs=900_000_000)
    text = found(make(make.baseline, half), "half")["macs-not-time"]
    assert text.startswith("It needs 2.00x fewer MACs than baseline but is 1.4")
    assert "macs-not-time" not in found(make(make.baseline, replace(half, ms=10.0)), "half")


def test_how_much_of_a_speedup_is_the_runtime(make) -> None:
    study = replace(make(make.baseline, make.onnx, make.static), chosen="static")
    text = found(study, "static")["runtime-share"]
    assert "comes from ONNX Runtime alone (onnx, FP32)" in text
    assert "runtime-share" not in found(replace(study, chosen="onnx"), "static")


@pytest.mark.parametrize(("lost", "said"), [(60, "it drops 9.83 points"), (2, "it has no proven drop against static: 0.17 points")])
def test_calibration_on_noise(make, lost: int, said: str) -> None:
    noise = replace(make.static, name="noise", recipe="to_onnx() + onnx_quantize_static(calibration='noise')", lost=lost)
    assert said in found(make(make.baseline, make.onnx, make.static, noise), "noise")["noise-calibration"]


def test_calibration_twins_differ_in_nothing_else(make) -> None:
    noise = replace(make.static, name="noise", recipe="to_onnx() + onnx_quantize_static('int8', calibration='noise')")
    assert "noise-calibration" not in found(make(make.baseline, make.static, noise), "noise")


def test_pruning_without_training(make) -> None:
    bare = make.Made("bare", "prune_channels(0.3)", mb=22.0, lost=300)
    tuned = make.Made("tuned", "prune_channels(0.3) + finetune(2)", mb=22.0, lost=3)
    text = found(make(make.baseline, bare, tuned), "bare")["untrained-pruning"]
    assert text.startswith("Removing channels alone costs 50.00 points")
    assert "tuned, fine-tuned afterwards, scores 49.50 points" in text
    assert "untrained-pruning" not in found(make(make.baseline, replace(bare, lost=1), tuned), "bare")


def test_saturation_beside_reduced_range(make) -> None:
    full = replace(make.static, name="full", notes={"reduce_range": False}, sqnr=23.9)
    reduced = replace(make.static, notes={"reduce_range": True}, sqnr=28.4)
    text = found(make(make.baseline, full, reduced), "full")["saturation"]
    assert "23.9 dB, those of static, with 7-bit weights, at 28.4 dB" in text
    assert "saturation" not in found(make(make.baseline, full, reduced, features=("avx512_vnni",)), "full")


def test_weights_beside_the_model_file(make) -> None:
    files = (File("model.onnx", 85_000, ""), File("model.onnx.data", 46_700_000, ""))
    text = found(make(make.baseline, replace(make.onnx, files=files)), "onnx")["external-data"]
    assert "model.onnx has only 0.0850 MB" in text
    assert "46.8 MB in all" in text


def test_sensitive_layers_need_a_proven_loss(make) -> None:
    layers = {"conv1": 12.0, "fc": 30.0, "conv2": 15.5, "conv3": 22.0}
    lossy = replace(make.static, lost=30, sensitivity=layers)
    assert (
        "conv1 (12.0 dB), conv2 (15.5 dB) and conv3 (22.0 dB) suffer most"
        in found(make(make.baseline, lossy), "static")["sensitive-layers"]
    )
    assert "sensitive-layers" not in found(make(make.baseline, replace(lossy, lost=1)), "static")


def test_few_calibration_samples(make) -> None:
    lossy = replace(make.static, lost=30, notes={"calibration_samples": 8})
    assert "8 samples only" in found(make(make.baseline, lossy), "static")["small-calibration"]


def test_what_a_candidate_knows_itself_is_not_said_twice(make) -> None:
    known = Finding("int8-not-faster", "Twelve operators stayed in float.")
    slow = replace(make.static, ms=14.0, findings=(known,))
    assert found(make(make.baseline, make.onnx, slow), "static")["int8-not-faster"] == known.text


def test_findings_are_listed_by_candidate(make) -> None:
    summary = summarize(make(make.baseline, make.onnx, replace(make.static, ms=14.0)))
    assert ("static", "int8-not-faster") in {(name, finding.code) for name, finding in summary.findings}


def test_a_runtime_that_computes_in_less_than_fp32_is_found() -> None:
    from thimble.core.study import Candidate
    from thimble.core.summary import Row
    from thimble.decide._quality_causes import reduced_precision

    row = Row("openvino", "", "", "openvino", "ok", precision="bfloat16")
    given, asked = Candidate("a", "", "openvino"), Candidate("a", "", "openvino", options={"INFERENCE_PRECISION_HINT": "bf16"})
    said = [reduced_precision(None, candidate, row) for candidate in (given, asked)]  # type: ignore[arg-type]
    assert said[0] is not None
    assert said[1] is not None
    assert said[0].text.startswith("OpenVINO computes in bfloat16, though nothing asked for it")
    assert said[1].text == "OpenVINO computes in bfloat16, as INFERENCE_PRECISION_HINT=bf16 asks."
    assert reduced_precision(None, given, Row("a", "", "", "openvino", "ok", precision="float32")) is None  # type: ignore[arg-type]


def test_usual_boards_that_hold_a_microcontrollers_file_are_named(make) -> None:
    from thimble.core.study import Cold

    small = make.Made("micro", "to_litert() + litert_quantize_static()", "tflite_micro", mb=0.1, ms=None)
    study = make(make.baseline, small)
    measured = replace(study.candidates[1], cold=Cold(1.0, 1.0, 1.0, 2.0, "float32", 100 * 1024))
    text = found(replace(study, candidates=(study.candidates[0], measured)), "micro")["boards"]
    assert text.startswith("The file takes 97.7 KiB of flash and its arena 100 KiB of RAM; ")
    assert "micro:bit v2" in text
    assert "boards" not in found(study, "micro"), "without an arena nothing is known"
    huge = replace(measured, cold=Cold(1.0, 1.0, 1.0, 2.0, "float32", 4 << 20))
    assert "0 of 11 usual boards hold it." in found(replace(study, candidates=(study.candidates[0], huge)), "micro")["boards"]
