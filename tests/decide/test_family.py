"""Relatives of a candidate: by what its steps are declared to do, whatever they, or their settings, are called."""

from __future__ import annotations

import pytest

from thimble.core.study import Candidate
from thimble.decide._family import Unknown, does, essence, float_sibling, steps_of, untouched, uses
from thimble.decide.findings import findings_of
from thimble.decide.rows import row_of

STUDENT = "net.py:quantize + prune_channels"


def candidate(recipe: str) -> Candidate:
    return Candidate("it", recipe, "onnxruntime")


def test_settings_are_no_steps() -> None:
    taught = candidate(f"distill({STUDENT!r}) + to_onnx()")
    assert len(steps_of(taught)) == 2
    assert [type(step).__name__ for step in essence(taught)] == ["Distill"]
    assert not does(taught, "quantize")
    assert not uses(taught, "prune_channels")


@pytest.mark.parametrize("text", ["my_quantize(8)", "prune_everything()", "to_nowhere()", "onnx_quantize_static(bits=3)"])
def test_what_an_unknown_step_does_is_not_guessed_from_its_name(text: str) -> None:
    one = candidate(f"to_onnx() + {text}")
    assert essence(one) == (Unknown(text),)
    assert not does(one, "quantize")
    assert not does(one, "prune")


@pytest.mark.parametrize("text", ["a b", "(" * 5000, "to_onnx() + " + "x" * 20_000, "\0"])
def test_a_text_that_is_no_recipe_is_one_unknown_step(text: str) -> None:
    assert steps_of(candidate(text)) == (Unknown(text),)


def test_the_same_settings_written_otherwise_are_the_same(make) -> None:
    mixed = make.Made("mixed", "to_onnx() + onnx_rank_layers() + onnx_quantize_mixed(4)", "onnxruntime")
    pruned = make.Made("pruned", "prune_channels(0.5, round_to=16) + to_onnx() + onnx_quantize_static()", "onnxruntime")
    float_form = make.Made("float", "prune_channels(ratio=0.5,round_to=16)+to_onnx()", "onnxruntime")
    study = make(make.baseline, make.onnx, mixed, pruned, float_form)
    assert float_sibling(study, study.candidate("pruned")).name == "float"
    assert float_sibling(study, study.candidate("mixed")).name == "onnx"
    assert untouched(study, study.candidate("pruned")).name == "onnx"


def test_a_name_like_those_of_a_search_means_nothing(make) -> None:
    plain = make.Made("static-keep4", "to_onnx() + onnx_quantize_static()", "onnxruntime", mb=11.4, ms=4.0)
    longer = make.Made("onnx-longer", "to_onnx()", "onnxruntime", ms=10.0)
    study = make(make.baseline, longer, plain)
    assert float_sibling(study, study.candidate("static-keep4")).name == "onnx-longer"


def test_noise_is_a_setting_of_calibration_and_nothing_else(make) -> None:
    """A student called noise is no calibration on noise."""
    student = "distill('noise') + to_onnx() + onnx_quantize_static("
    one = make.Made("one", f"{student})", "onnxruntime", ms=5.0, lost=60)
    other = make.Made("other", f"{student}calibration='data')", "onnxruntime", ms=5.0)
    study = make(make.baseline, one, other)
    found = findings_of(study, [row_of(study, c) for c in study.candidates])
    assert "noise-calibration" not in {finding.code for findings in found.values() for finding in findings}
