from __future__ import annotations

import re
from dataclasses import replace

import pytest

from thimble.core.study import Limits, Run, Study
from thimble.decide.choose import choose
from thimble.decide.frontier import frontier
from thimble.decide.rows import only_split, row_of
from thimble.decide.samples import few_samples
from thimble.decide.summarize import summarize


@pytest.fixture(scope="module")
def lab(make) -> Study:
    noisy = replace(make.static, name="rough", recipe="to_onnx() + x()", lost=90, mb=11.4, ms=3.9)
    failed = replace(make.static, name="crashed", status="failed", reason="the converter ended with signal 11")
    study = make(make.baseline, make.onnx, make.static, noisy, failed, limits=Limits(max_drop=2, max_size=40))
    return replace(study, chosen=choose(study))


def test_figures_come_from_the_raw_values(lab: Study) -> None:
    row = summarize(lab).row("static")
    assert row.size_mb == 11.4
    assert row.compression == pytest.approx(44.8 / 11.4)
    assert row.speedup
    assert row.speedup.low < 5 < row.speedup.high
    assert row.latency_samples == 150
    assert row.latency_p90_ms
    assert row.latency_p95_ms
    assert row.latency_p99_ms is None
    assert row.quality
    assert row.quality.value == pytest.approx(100 * 569 / 600)
    assert row.drop
    assert row.drop.value == pytest.approx(100 / 600)
    assert row.p_value == 1
    assert row.relative == pytest.approx(100 * 569 / 570)
    assert row.efficiency == pytest.approx(row.quality.value / (row.latency_p50_ms.value * 11.4))


def test_the_baseline_loses_nothing(lab: Study) -> None:
    row = summarize(lab).row("baseline")
    assert (row.drop.value, row.drop.low, row.drop.high) == (0, 0, 0)
    assert (row.speedup.value, row.speedup.low, row.speedup.high) == (1, 1, 1)
    assert summarize(lab).row("rough").p_value < 1e-20


def test_the_recommendation_has_figures_intervals_and_proof(lab: Study) -> None:
    summary = summarize(lab)
    assert summary.chosen == "static"
    assert summary.met
    text = summary.recommendation
    assert re.match(r"Ship static \(ONNX Runtime\): it is [45]\.\d\dx faster than the baseline \(\d\.\d\d to \d\.\d\d\) at", text)
    assert "3.93x smaller at 11.4 MB" in text
    assert "has no proven drop in accuracy (0.17 points, -0.47 to 0.94) on 600 test samples" in text
    assert text.endswith("proven: a drop of at most 2 points and at most 40 MB.")
    assert text.count(".\n") == 0


def test_every_other_candidate_has_its_reason(lab: Study) -> None:
    said = {row.name: row.verdict for row in summarize(lab).rows}
    assert said["baseline"] == "is 44.8 MB, 4.80 over the limit of 40 MB"
    assert said["onnx"] == "is 44.8 MB, 4.80 over the limit of 40 MB"
    assert said["rough"] == "drops 15.00 points (12.37 to 18.08), 13.00 over the limit of 2 points"
    assert said["crashed"] == "failed: the converter ended with signal 11"
    assert said["static"].startswith("chosen")


def test_beaten_by_whom_and_in_what(make) -> None:
    study = replace(make(make.baseline, make.onnx, make.static, limits=Limits(max_drop=2)), chosen="static")
    said = {row.name: row.verdict for row in summarize(study).rows}
    assert re.fullmatch(r"static is 2\.\d+x faster \([\d.]+ to [\d.]+\) and 3\.93x smaller", said["onnx"])


def test_an_unproven_lead_is_not_claimed(make) -> None:
    twin = replace(make.static, name="twin", ms=4.02, scatter=0.05)
    study = replace(make(make.baseline, replace(make.static, scatter=0.05), twin, limits=Limits(max_drop=2)), chosen="static")
    row = summarize(study).row("twin")
    assert row.verdict == "no proven difference from static, which was chosen on the validation split"
    assert row.on_frontier


def test_not_proven_says_how_many_samples_would_decide(make) -> None:
    study = make(make.baseline, replace(make.static, lost=6, won=1), limits=Limits(max_drop=1))
    summary = summarize(replace(study, chosen="static"))
    assert not summary.met
    said = "drops 0.83 points (-0.04 to 2.02) on 600 test samples, which does not prove the limit of 1 point; about"
    assert said in summary.recommendation
    assert summary.recommendation.startswith("Not proven: static, chosen on the validation split, is ")
    assert "would decide" in summary.row("static").verdict


def test_no_candidate_keeps_the_limits(make) -> None:
    study = make(make.baseline, make.static, limits=Limits(max_size=5, max_latency=1))
    summary = summarize(replace(study, chosen=choose(study)))
    assert not summary.met
    assert summary.recommendation.startswith(
        "No candidate meets every limit; static comes nearest but is 11.4 MB, 6.40 over the limit of 5 MB"
    )
    assert " ms (" in summary.recommendation


def test_a_choice_that_the_test_split_breaks_is_not_replaced(make) -> None:
    study = make(make.baseline, make.onnx, replace(make.static, lost=60, validation=(1, 0)), limits=Limits(max_drop=3))
    summary = summarize(replace(study, chosen=choose(study)))
    assert not summary.met
    assert summary.recommendation == (
        "Limits not met: static was chosen on the validation split but drops 10.00 points (7.85 to 12.66), 7.00 over the limit of "
        "3 points; the test split judges only what was named before it was opened."
    )


def test_a_choice_is_not_proven_before_the_test_split_is_scored(make) -> None:
    study = make(make.baseline, replace(make.static, tested=False), limits=Limits(max_drop=3))
    summary = summarize(replace(study, chosen="static"))
    assert not summary.met
    assert summary.recommendation.endswith("but has no score on the test split yet, which alone confirms the choice.")


def test_a_choice_that_failed_afterwards_is_told(make) -> None:
    study = make(make.baseline, replace(make.static, status="failed", reason="it crashed."))
    assert summarize(replace(study, chosen="static")).recommendation == (
        "static was chosen on the validation split and then failed; the test split judges only what was named before it was opened."
    )


def test_better_on_the_test_split_is_too_late(make) -> None:
    late = make.Made("late", "x()", mb=5.0, ms=2.0, lost=1, validation=(20, 0))
    summary = summarize(replace(make(make.baseline, make.static, late, limits=Limits(max_drop=2)), chosen="static"))
    assert summary.row("late").verdict.endswith(
        "but breaks the limit on drop on the validation split, where static was chosen: it drops 6.67 points (4.36 to 10.07)"
    )


def test_the_baseline_is_shipped_where_nothing_is_better(make) -> None:
    study = make(make.baseline, make.Made("slow", ms=40.0), limits=Limits(max_drop=2))
    summary = summarize(replace(study, chosen=choose(study)))
    assert summary.met
    assert summary.recommendation == (
        "Ship the baseline, baseline: the other candidate did not improve latency within the limits on the validation split."
    )


def test_best_names_who_leads(lab: Study) -> None:
    assert summarize(lab).best == {"smallest": "static", "fastest": "rough", "most accurate": "baseline", "most efficient": "static"}


def test_validation_stands_in_where_the_test_split_was_not_scored(make) -> None:
    study = make(make.baseline, replace(make.static, tested=False), limits=Limits(max_drop=2))
    row = summarize(study).row("static")
    assert row.quality
    assert row.quality.value == pytest.approx(100 * 285 / 300)
    assert row.limits == {"drop": "met"}


def test_latency_is_read_from_the_joint_run_first(make) -> None:
    study = make(make.baseline, make.static)
    slow = make.joint_run((make.baseline, replace(make.static, ms=19.0)), 10, 1, study.environment, "later")
    both = replace(study, runs=(*study.runs, slow))
    assert summarize(both).row("static").speedup == summarize(study).row("static").speedup
    only_later = replace(both, joint_run=None)
    assert summarize(only_later).row("static").speedup.value < 1.2


def test_members_of_two_runs_are_not_paired(make) -> None:
    study = make(make.baseline, make.onnx, limits=Limits(max_drop=2))
    other: Run = make.joint_run((make.baseline, make.static), 10, 1, study.environment, "other")
    whole = make(make.baseline, make.onnx, make.static, limits=Limits(max_drop=2))
    apart = replace(whole, runs=(*study.runs, other), joint_run="joint", chosen="onnx")
    assert summarize(apart).row("static").verdict.startswith("left out of the final run: 5")


def test_partial_studies_are_summed_up(make) -> None:
    assert summarize(make()).recommendation == ""
    failed = replace(make.baseline, status="failed", reason="NaN in the first output.")
    nothing = summarize(make(failed, replace(make.static, status="not tried")))
    assert nothing.recommendation == "Nothing to ship: none of the 2 candidates worked."
    assert nothing.row("baseline").verdict == "failed: NaN in the first output."
    assert not nothing.met
    one = summarize(make(make.baseline))
    assert one.recommendation == "No candidate was chosen; 1 candidate was measured."
    cut = summarize(make(make.baseline, make.static, complete=False, limits=Limits(max_drop=3)))
    assert cut.recommendation.startswith("No candidate was chosen before the study ended; static looks best so far: it is ")
    for change in ({"ms": None}, {"lost": None}, {"mb": None}):
        made = [replace(m, **change) for m in (make.baseline, make.onnx, make.static)]
        study = make(*made)
        summary = summarize(replace(study, chosen=choose(study)))
        assert len(summary.rows) == 3
        assert summary.recommendation.endswith(".")


def test_a_metric_that_is_not_registered_is_a_mean(make) -> None:
    study = make(make.baseline, make.static)
    renamed = tuple(replace(c, quality={s: replace(q, metric="my_own") for s, q in c.quality.items()}) for c in study.candidates)
    assert summarize(replace(study, candidates=renamed)).row("static").quality == summarize(study).row("static").quality


def test_too_few_samples_for_the_limit_are_told(make) -> None:
    (advice,) = summarize(make(make.baseline, make.static, limits=Limits(max_drop=1))).warnings
    assert advice.code == "few-samples"
    assert advice.text.startswith("300 validation samples can't prove a drop of at most 1 point: even if no sample differs, a drop of 1.26")
    assert "Use 381 samples or more" in advice.text
    assert not summarize(make(make.baseline, make.static, limits=Limits(max_drop=1.27))).warnings
    assert "Use another metric" in few_samples(make(make.baseline, limits=Limits(max_drop=0)))[0].text


def test_a_smaller_one_that_is_not_proven_slower(make) -> None:
    fast, small = make.onnx, replace(make.static, ms=1.15 * make.onnx.ms, scatter=0.5)
    study = make(make.baseline, fast, small)
    verdict = summarize(replace(study, chosen=fast.name)).row(small.name).verdict
    assert "x smaller, but the study minimizes latency: onnx has 1." in verdict
    assert verdict.endswith("its speed, better but not proven")


def test_a_baseline_that_may_be_guessing_is_told(make) -> None:
    study = make(make.baseline, make.static)

    def said(guessing: float | None) -> list[str]:
        first = study.candidates[0]
        told = {split: replace(quality, guessing=guessing) for split, quality in first.quality.items()}
        changed = replace(study, candidates=(replace(first, quality=told), *study.candidates[1:]))
        return [advice.text for advice in summarize(changed).warnings if advice.code == "guessing"]

    right = summarize(study).row("baseline").quality
    assert right is not None
    assert said(None) == said(right.low / 100 - 0.001) == []
    assert "always giving the most frequent answer is right on 99.9 %. The model is not proven better than guessing" in said(0.999)[0]


def test_a_machine_that_changed_its_speed_between_runs_is_told(make) -> None:
    study = make(make.baseline, make.static)
    joint = study.run(study.joint_run)
    slower = tuple(
        replace(turn, samples_ms={n: tuple(2 * ms for ms in times) for n, times in turn.samples_ms.items()}) for turn in joint.rounds
    )
    alike, unlike = (replace(study, runs=(replace(joint, id="look", rounds=r), joint)) for r in (joint.rounds, slower))
    assert "machine-changed" not in {advice.code for advice in summarize(alike).warnings}
    (advice,) = (advice for advice in summarize(unlike).warnings if advice.code == "machine-changed")
    assert advice.text.startswith("The machine changed speed during this study (baseline ")


class TestFrontier:
    def names(self, study: Study) -> set[str]:
        return frontier(study, [row_of(study, c) for c in study.candidates])

    def test_proven_better_in_something_and_worse_in_nothing(self, make) -> None:
        assert self.names(make(make.baseline, make.onnx, make.static)) == {"static"}

    def test_a_trade_keeps_both(self, make) -> None:
        assert self.names(make(make.baseline, replace(make.static, lost=60))) == {"baseline", "static"}

    def test_an_unproven_lead_does_not_beat(self, make) -> None:
        a, b = (replace(make.static, name=name, ms=ms, scatter=0.1) for name, ms in (("a", 4.0), ("b", 4.05)))
        assert self.names(make(make.baseline, a, b)) == {"a", "b"}

    def test_packing_and_a_little_memory_decide_nothing(self, make) -> None:
        a = replace(make.static, name="a", mb=11.40, memory=20.0)
        b = replace(make.static, name="b", mb=11.45, memory=21.0)
        assert self.names(make(replace(make.baseline, memory=80.0), a, b)) == {"a", "b"}

    def test_what_was_measured_in_less_beats_nobody(self, make) -> None:
        assert "baseline" in self.names(make(make.baseline, replace(make.static, ms=None)))

    def test_failed_ones_are_not_on_it(self, make) -> None:
        assert self.names(make(make.baseline, replace(make.static, status="failed"))) == {"baseline"}


def test_milliseconds_of_another_run_stand_beside_nothing(make) -> None:
    left_out = replace(make.static, name="left-out", ms=4.0)
    study = make(make.baseline, make.static, left_out)
    look = make.joint_run((make.baseline, left_out), 8, 1, study.environment, "look")
    apart = replace(study, runs=(look, make.joint_run((make.baseline, make.static), 30, 0, study.environment)))
    row = summarize(apart).row("left-out")
    assert row.latency_p50_ms is None
    assert row.speedup
    assert summarize(apart).row("static").latency_p50_ms
    alone = summarize(replace(apart, runs=(look,), joint_run=None)).row("left-out")
    assert alone.latency_p50_ms, "where there is no final run, the quick check is what is known"
    limited = summarize(replace(apart, limits=Limits(max_latency=50), chosen="static"))
    assert limited.row("left-out").verdict == "was left out of the final run, so the limit on latency is not proven"


def test_a_table_has_qualities_of_one_split(make) -> None:
    untested = replace(make.static, name="untested", tested=False)
    summary = summarize(make(make.baseline, make.static, untested, limits=Limits(max_drop=4), chosen="static"))
    shown = {row.name: row for row in summary.compared}
    assert summary.split == "validation"
    study = make(make.baseline, make.static, untested)
    assert len(study.candidate("static").quality["test"].scores) == 600
    blind = only_split(study, "validation")
    for name in shown:
        assert shown[name].quality == row_of(blind, blind.candidate(name)).quality
        assert shown[name].size_mb == summary.row(name).size_mb
    assert summary.row("static").quality == row_of(study, study.candidate("static")).quality, "the choice is judged on the test split"
    everywhere = summarize(make(make.baseline, make.static))
    assert (everywhere.split, everywhere.compared) == ("test", everywhere.rows)
