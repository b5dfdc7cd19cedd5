"""What a search does next, on studies made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thimble.core.study import Candidate, Limits, Origin, StepRecord, Study
from thimble.decide.choose import fits
from thimble.decide.limits import hopeless, nearest
from thimble.decide.rows import row_of
from thimble.search.actions import Add, Budget
from thimble.search.policy import following
from thimble.search.shortlist import shortlist

MIXED = "to_onnx() + onnx_rank_layers() + onnx_quantize_mixed(1)"
PRUNED = "prune_channels({}, round_to=16) + finetune(2, taught=0.5) + to_onnx() + onnx_quantize_static()"
LAYERS = {f"layer{i}": 20.0 + i for i in range(40)}
LIMITS = Limits(max_drop=4)


def waiting(name: str, recipe: str) -> Candidate:
    return Candidate(name, recipe, "onnxruntime")


def put(study: Study, *more: Candidate) -> Study:
    return replace(study, candidates=(*study.candidates, *more))


def test_what_needs_no_training_comes_first_and_nothing_left_is_the_closing(make) -> None:
    study = make(make.baseline, make.onnx, make.static, limits=LIMITS)
    pruned, half = waiting("prune50", PRUNED.format(0.5)), waiting("fp16", "to_onnx() + onnx_store_fp16()")
    assert following(put(study, pruned, half), Budget()) == "fp16"
    assert following(put(study, pruned), Budget()) == "prune50"
    assert following(study, Budget()) is None
    assert shortlist(study)[0] == "baseline"


def refused(make, study: Study, lost: int = 100, status: str = "ok") -> Study:
    """The study with both refinements of INT8 as they came out."""
    for changed in ("equalized", "refined"):
        step = following(study, Budget())
        assert isinstance(step, Add)
        assert step.candidate.origin == Origin("static", changed)
        asked = step.candidate
        made = make.Made(asked.name, asked.recipe, "onnxruntime", ms=4.0, lost=lost, status=status, reason="x")
        study = put(study, replace(make(make.baseline, made, limits=LIMITS).candidates[1], origin=asked.origin, recipe=asked.recipe))
    return study


def searched(make, enough: int) -> list[int]:
    """The numbers of float layers that are tried where ``enough`` of them suffice."""
    study = refused(make, make(make.baseline, make.onnx, replace(make.static, lost=100), limits=LIMITS))
    tried: list[int] = []
    while isinstance(step := following(study, Budget()), Add):
        origin = step.candidate.origin
        assert origin
        assert (step.after, origin.base, origin.changed) == ("static", "static", "mixed")
        tried.append(keep := int(origin.amount or 0))
        assert f"onnx_quantize_mixed({keep}" in step.candidate.recipe
        mixed = make.Made(
            step.candidate.name, MIXED, "onnxruntime", ms=4.0 + 0.01 * keep, lost=0 if keep >= enough else 100, sensitivity=LAYERS
        )
        made = make(make.baseline, mixed, limits=LIMITS).candidates[1]
        study = put(study, replace(made, origin=origin))
    return tried


@pytest.mark.parametrize("enough", [1, 3, 4, 9])
def test_bisection_finds_how_many_layers_have_to_stay_in_float(make, enough: int) -> None:
    tried = searched(make, enough)
    assert tried[0] == 4
    assert min(keep for keep in tried if keep >= enough) == enough
    assert len(tried) == len(set(tried)) <= 6


def test_mixed_precision_is_tried_only_where_it_can_help(make) -> None:
    bad = replace(make.static, lost=100)
    assert searched(make, 1000)[-1] <= 20, "with more than half of it in float the rest is not worth it"
    fine = make(make.baseline, make.onnx, make.static, bad, limits=LIMITS)
    assert following(fine, Budget()) is None, "plain INT8 keeps the limit"
    hardly = make(make.baseline, replace(make.onnx, lost=100), bad, limits=LIMITS)
    assert following(hardly, Budget()) is None, "FP32 in the same runtime keeps it no better"
    fast = make.Made("openvino-int8", "to_onnx() + onnx_quantize_static()", "openvino", ms=2.0)
    assert following(make(make.baseline, make.onnx, bad, fast, limits=LIMITS), Budget()) is None, "another one is faster and keeps it"


def test_refined_int8_is_tried_before_layers_stay_in_float(make) -> None:
    study = make(make.baseline, make.onnx, replace(make.static, lost=100), limits=LIMITS)
    first = following(study, Budget())
    assert isinstance(first, Add)
    assert first.candidate.recipe.endswith("onnx_equalize(0.75) + onnx_quantize_refined(('biases',))")
    good = make(make.baseline, make.Made(first.candidate.name, "to_onnx()", "onnxruntime", ms=4.0), limits=LIMITS).candidates[1]
    kept = replace(good, recipe=first.candidate.recipe, origin=first.candidate.origin)
    assert following(put(study, kept), Budget()) is None, "it keeps the limit: nothing has to stay in float"
    without = following(refused(make, study, status="not applicable"), Budget())
    assert isinstance(without, Add)
    assert without.candidate.origin == Origin("static", "mixed", 4), "no channels of this network can be equalized"


@pytest.mark.parametrize(("layers", "kept"), [(1, None), (3, 1), (5, 2), (20, 4)])
def test_no_more_than_half_of_a_small_networks_layers_stay_in_float_at_first(make, layers: int, kept: int | None) -> None:
    study = refused(make, make(make.baseline, make.onnx, replace(make.static, lost=100), limits=LIMITS))
    made = StepRecord("onnx_quantize_static", "", {}, 1, 1.0, False, "onnx", "", {"quantized_operators": layers})
    study = replace(study, candidates=tuple(replace(c, steps=(made,)) if c.name == "static" else c for c in study.candidates))
    added = following(study, Budget())
    assert (added.candidate.origin.amount if isinstance(added, Add) and added.candidate.origin else None) == kept


def test_truer_forms_are_to_prove_as_much_as_float_does(make) -> None:
    def after(limit: float) -> Origin | None:
        unsure = replace(make.static, validation=(1, 0))
        added = following(make(make.baseline, make.onnx, unsure, limits=Limits(max_drop=limit)), Budget())
        return added.candidate.origin if isinstance(added, Add) else None

    assert after(1.5) == Origin("static", "equalized"), "FP32 in the same runtime is proven, INT8 only likely"
    assert after(1.25) == Origin("static", "equalized"), "of FP32 the test split could prove it, of INT8 not even that"
    assert after(2.0) is None, "INT8 is proven"


def test_a_candidate_is_what_its_origin_says_and_not_what_it_is_called(make) -> None:
    called = make.Made("static-keep4", "to_onnx() + onnx_quantize_static()", "onnxruntime", ms=5.0, lost=100)
    study = refused(make, make(make.baseline, make.onnx, replace(make.static, lost=100), called, limits=LIMITS))
    added = following(study, Budget())
    assert isinstance(added, Add)
    assert added.candidate.origin
    assert added.candidate.origin.amount == 4, "none of four layers in float was tried yet"
    assert added.candidate.name == "static-keep4-2"


def test_given_up_after_the_first_portion_or_the_first_look(make) -> None:
    study = make(make.baseline, replace(make.static, lost=200), make.onnx, limits=LIMITS)
    bad = study.candidate("static")
    part = replace(bad.quality["validation"], scores=bad.quality["validation"].scores[:128])
    early = replace(study, candidates=(study.candidates[0], replace(bad, quality={"validation": part}), study.candidates[2]))
    assert " points on the first 128 validation samples; the limit is 4 points" in (hopeless(early, "static") or "")
    assert hopeless(early, "onnx") is None
    slow = replace(study, limits=Limits(max_latency=6))
    assert "in a quick check; the limit is 6 ms" in (hopeless(slow, "onnx") or "")
    assert hopeless(slow, "static") is None
    taken = row_of(study, study.candidate("onnx")).latency_p50_ms
    assert hopeless(replace(study, limits=Limits(max_latency=0.999 * taken.value)), "onnx") is None, "the interval holds the limit"
    assert hopeless(replace(study, limits=Limits(max_latency=0.999 * taken.low)), "onnx")


@pytest.mark.parametrize(("memory", "limit", "said"), [(60.0, 50.0, "needs 60.0 MB of memory"), (40.0, 50.0, None), (60.0, None, None)])
def test_too_much_memory_is_given_up_after_the_first_start(make, memory: float, limit: float | None, said: str | None) -> None:
    study = make(make.baseline, replace(make.onnx, memory=memory), limits=Limits(max_memory=limit))
    reason = hopeless(study, "onnx")
    assert reason is None if said is None else said in (reason or "")


def test_the_closing_run_has_the_best_five_beside_the_baseline(make) -> None:
    many = [make.Made(f"int8-{i}", "to_onnx() + onnx_quantize_static()", "onnxruntime", mb=10.0, ms=4.0, scatter=0.3) for i in range(7)]
    names = shortlist(make(make.baseline, *many, limits=LIMITS))
    assert names[0] == "baseline"
    assert len(names) == 1 + 5
    assert shortlist(make(make.baseline, *many, limits=LIMITS), most=2) == names[:3]


def test_what_is_certainly_slower_needs_no_closing_run(make) -> None:
    slow = make.Made("slow", "x() + to_onnx()", "onnxruntime", ms=12.0)
    study = make(make.baseline, make.onnx, make.static, slow, limits=LIMITS)
    assert shortlist(study) == ["baseline", "static", "onnx"], "onnx is there to show what the runtime alone gives"


def test_what_is_slower_takes_no_place_of_what_is_faster_and_likely(make) -> None:
    forms = [make.Made(f"form{i}", "x() + to_onnx()", "onnxruntime", mb=11.0, ms=8.0) for i in range(6)]
    likely = make.Made("likely", "y() + to_onnx()", "onnxruntime", mb=11.0, ms=2.0, lost=4, validation=(2, 0))
    study = make(make.baseline, make.static, *forms, likely, limits=Limits(max_drop=2.2))
    assert fits(study, "likely")
    assert [name for name in shortlist(study) if name in ("static", "likely")] == ["static", "likely"]
    assert not any(name.startswith("form") for name in shortlist(study))


def test_a_look_in_another_state_of_the_machine_rules_nothing_out_that_could_win(make) -> None:
    near = make.Made("near", "x() + to_onnx()", "onnxruntime", mb=11.0, ms=4.6)
    study = make(make.baseline, make.onnx, make.static, near, limits=LIMITS)
    assert "near" not in shortlist(study), "15 % slower, in one run"
    slow = replace(make.baseline, ms=25.0)
    looks = make.joint_run((slow, replace(make.static, ms=5.0)), 8, 1, study.environment, "another state")
    assert "near" in shortlist(replace(study, runs=(*study.runs, looks))), "the machine itself has been a quarter slower"


def test_the_nearest_are_told_by_how_much_each_fails_given_up_ones_too(make) -> None:
    study = make(make.baseline, make.onnx, make.static, limits=Limits(max_size=10))
    given_up = tuple(replace(c, status="given up", reason="too large") if c.name == "static" else c for c in study.candidates)
    (first, why), *rest = nearest(replace(study, candidates=given_up))
    assert first == "static"
    assert "size 11.4 MB, 1.40 over the limit of 10 MB" in why
    assert len(rest) == 2
