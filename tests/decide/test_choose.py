from __future__ import annotations

from dataclasses import replace

import pytest

from thimble.core.study import Limits
from thimble.core.summary import Interval, Row
from thimble.decide.choose import choose, closing_told, limits_of
from thimble.decide.pairs import speedup_over
from thimble.decide.rows import row_of


def test_the_fastest_that_is_proven_within_the_limits(make) -> None:
    fast = make.Made("fast", mb=5.0, ms=2.0, lost=60)
    study = make(make.baseline, make.onnx, make.static, fast, limits=Limits(max_drop=3))
    assert choose(study) == "static"


def test_the_choice_never_sees_the_test_split(make) -> None:
    good_on_test = make.Made("tempting", mb=5.0, ms=2.0, lost=0, validation=(40, 0))
    bad_on_test = replace(make.static, lost=300, validation=(0, 0))
    study = make(make.baseline, good_on_test, bad_on_test, limits=Limits(max_drop=3))
    blind = replace(study, candidates=tuple(replace(c, quality={"validation": c.quality["validation"]}) for c in study.candidates))
    assert choose(study) == choose(blind) == "static"


def test_what_is_to_be_minimized(make) -> None:
    small = make.Made("small", "x()", mb=3.0, ms=15.0, memory=40.0)
    lean = make.Made("lean", "y()", mb=9.0, ms=16.0, memory=10.0)
    quick = make.Made("quick", "z()", mb=30.0, ms=4.0, memory=50.0)
    first = replace(make.baseline, memory=100.0)
    for what, name in (("latency", "quick"), ("size", "small"), ("memory", "lean")):
        assert choose(make(first, small, lean, quick, limits=Limits(max_drop=2, minimize=what))) == name


def test_the_baseline_where_nothing_is_better(make) -> None:
    slow = make.Made("slow", ms=30.0)
    bad = make.Made("bad", ms=5.0, lost=200)
    assert choose(make(make.baseline, slow, bad, limits=Limits(max_drop=2))) == "baseline"


def test_the_baseline_before_a_proven_loss_that_no_limit_allows(make) -> None:
    assert choose(make(make.baseline, make.Made("bad", ms=5.0, lost=300))) == "baseline"
    assert choose(make(make.baseline, make.Made("bad", ms=5.0, lost=300), make.static)) == "static"


def test_as_fast_and_smaller_is_better(make) -> None:
    small = make.Made("small", mb=20.0, ms=20.0)
    assert choose(make(make.baseline, small, limits=Limits(max_drop=2))) == "small"


def test_a_difference_in_latency_that_is_not_proven_is_decided_by_size(make) -> None:
    big = replace(make.static, name="big", mb=12.0, ms=3.98, scatter=0.1)
    study = make(make.baseline, big, replace(make.static, scatter=0.1), limits=Limits(max_drop=3))
    assert choose(study) == "static"
    proven = replace(make.static, name="big", mb=12.0, ms=3.5)
    assert choose(make(make.baseline, proven, make.static, limits=Limits(max_drop=3))) == "big"


@pytest.mark.parametrize(("slower", "chosen"), [(1.03, "small"), (1.1, "quick")])
def test_a_smaller_one_is_preferred_only_while_it_is_nearly_as_fast(make, slower: float, chosen: str) -> None:
    """Neither difference in latency is proven: the rounds scatter too much for that."""
    quick, small = replace(make.static, name="quick", mb=12.0), replace(make.static, name="small", mb=6.0)
    study = make(make.baseline, quick, small, rounds=9, limits=Limits(max_drop=3))
    scatter = [1, 1.3, 0.75, 1, 0.8, 1.3, 1, 1.2, 0.8]
    times = [{"baseline": (20.0,), "quick": (4.0,), "small": (4.0 * slower * factor,)} for factor in scatter]
    rounds = tuple(replace(turn, samples_ms=samples) for turn, samples in zip(study.runs[0].rounds, times, strict=True))
    study = replace(study, runs=(replace(study.runs[0], rounds=rounds),))
    ratio = speedup_over(study, "quick", "small")
    assert ratio.value == pytest.approx(slower)
    assert ratio.low < 1 < ratio.high
    assert choose(study) == chosen


@pytest.mark.parametrize(("smaller", "chosen"), [(0.005, "baseline"), (0.03, "small")])
def test_a_difference_in_size_of_less_than_a_hundredth_is_none(make, smaller: float, chosen: str) -> None:
    small = make.Made("small", mb=make.baseline.mb * (1 - smaller))
    assert choose(make(make.baseline, small, limits=Limits(max_drop=2))) == chosen
    assert choose(make(make.baseline, small, limits=Limits(max_drop=2, minimize="size"))) == chosen


def test_unproven_on_validation_but_likely_on_the_larger_test_split(make) -> None:
    """1 point is too little for 300 samples; with 600, no difference is within it, two lost samples are not."""
    likely = replace(make.static, name="likely", ms=5.0, validation=(0, 0))
    hazy = replace(make.static, name="hazy", ms=2.0, validation=(2, 0))
    assert choose(make(make.baseline, hazy, likely, limits=Limits(max_drop=1))) == "likely"


def test_the_nearest_upper_bound_where_none_is_likely(make) -> None:
    near = replace(make.static, name="near", ms=9.0, validation=(1, 0))
    far = replace(make.static, name="far", ms=2.0, validation=(5, 4))
    assert choose(make(make.baseline, far, near, limits=Limits(max_drop=0.5))) == "near"


def test_the_least_breach_where_every_limit_is_broken(make) -> None:
    small, smaller = make.Made("small", mb=20.0, ms=5.0), make.Made("smaller", mb=10.0, ms=9.0)
    assert choose(make(make.baseline, small, smaller, limits=Limits(max_size=1))) == "smaller"


def test_partial_studies(make) -> None:
    assert choose(make()) is None
    assert choose(make(replace(make.baseline, status="failed", reason="no"))) is None
    assert choose(make(make.baseline)) == "baseline"
    untimed = [replace(made, ms=None) for made in (make.baseline, make.static)]
    assert choose(make(*untimed, limits=Limits(max_drop=3))) == "static"
    unscored = [replace(made, lost=None) for made in (make.baseline, make.onnx, make.static)]
    assert choose(make(*unscored)) == "static"
    failed = replace(make.static, status="failed", reason="crashed")
    assert choose(make(make.baseline, failed, make.onnx, limits=Limits(max_drop=3))) == "onnx"


def test_the_order_of_candidates_does_not_matter(make) -> None:
    twins = [replace(make.static, name=name) for name in ("b", "a", "c")]
    study = make(make.baseline, *twins, limits=Limits(max_drop=3))
    first, *rest = study.candidates
    assert choose(study) == choose(replace(study, candidates=(first, *rest[::-1])))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(max_drop=2), {"drop": "met"}),
        (Limits(max_drop=1), {"drop": "not proven"}),
        (Limits(max_drop=0.1), {"drop": "broken"}),
        (Limits(max_size=11), {"size": "broken"}),
        (Limits(max_size=11.4, max_latency=4), {"size": "met", "latency": "not proven"}),
        (Limits(max_latency=3, max_memory=100), {"latency": "broken", "memory": "not proven"}),
        (Limits(), {}),
    ],
)
def test_limits(limits: Limits, said: dict[str, str]) -> None:
    row = Row("a", "", "", "", "ok", size_mb=11.4, drop=Interval(1, 0.2, 1.8), latency_p50_ms=Interval(4, 3.5, 4.5))
    assert limits_of(row, limits) == said


def test_a_limit_from_below_is_kept_by_what_reaches_it(make) -> None:
    from thimble.decide.limits import nearest
    from thimble.decide.summarize import summarize

    rough, true = replace(make.static, sqnr=12.0), make.Made("true", "to_onnx() + onnx_store_fp16()", "onnxruntime", ms=8.0, sqnr=60.0)
    study = make(make.baseline, rough, true, limits=Limits(min_sqnr=20.0))
    assert choose(study) == "true", "the other one is faster"
    told = summarize(replace(study, chosen="true"))
    assert told.row("static").limits == {"sqnr": "broken"}
    assert told.row("true").limits == {"sqnr": "met"}
    assert "at least 20 dB against the baseline's outputs" in told.recommendation
    assert nearest(make(make.baseline, rough, limits=Limits(min_sqnr=20.0))) == [("static", "sqnr 12.0 dB, 8.00 under the limit of 20 dB")]


def test_once_there_was_a_closing_run_its_latencies_decide(make) -> None:
    fast = make.Made("fast", "x() + to_onnx()", "onnxruntime", mb=11.0, ms=1.0)
    study = make(make.baseline, make.onnx, make.static, fast, limits=Limits(max_drop=4))
    members = (make.baseline, make.onnx, make.static)
    look = make.joint_run((make.baseline, fast), 8, 1, study.environment, "look")
    closing = make.joint_run(members, 30, 0, study.environment)
    assert choose(replace(study, runs=(look, closing))) == "static", "20 times as fast in a look only"


def test_a_closing_run_that_tells_nothing_leaves_the_looks(make) -> None:
    spoiled = tuple(replace(one, scatter=4.0) for one in (make.baseline, make.onnx, make.static))
    study = make(*spoiled, limits=Limits(max_drop=4))
    slow = make.Made("slow", "x() + to_onnx()", "onnxruntime", mb=11.0, ms=12.0)
    study = replace(study, candidates=(*study.candidates, make(make.baseline, slow).candidates[1]))
    looks = [make.joint_run((make.baseline, one), 8, 1, study.environment, one.name) for one in (make.static, slow)]
    assert not closing_told(study)
    assert choose(replace(study, runs=(*looks, *study.runs))) == "static", "slow alone has a latency outside of the closing run, too"


def test_a_machine_of_two_speeds_has_ratios_and_no_milliseconds(make) -> None:
    study = make(make.baseline, make.onnx, make.static, limits=Limits(max_drop=4))
    (run,) = study.runs
    slower = [
        replace(turn, samples_ms={name: tuple(6 * ms for ms in taken) for name, taken in turn.samples_ms.items()}) if i % 2 else turn
        for i, turn in enumerate(run.rounds)
    ]
    other = make.Made("other", "x() + to_onnx()", "onnxruntime", mb=11.0, ms=6.0)
    look = make.joint_run((make.baseline, other), 8, 1, study.environment, "look")
    study = replace(
        study, candidates=(*study.candidates, make(make.baseline, other).candidates[1]), runs=(look, replace(run, rounds=tuple(slower)))
    )
    row = row_of(study, study.candidate("static"))
    assert row.latency_p50_ms is None
    assert row.speedup is not None
    assert row.speedup.low > 4
    assert choose(study) == "static"
