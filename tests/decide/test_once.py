"""Intervals are computed once for the same values, and again for any other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from thimble.core.summary import Interval
from thimble.decide import _once
from thimble.decide.choose import choose
from thimble.decide.rows import row_of
from thimble.measure.metrics.mse import Mse
from thimble.stats import drop_interval


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The drops that are computed from now on, by their arguments."""
    asked: list[Any] = []

    def counting(*arguments: Any) -> Interval:
        asked.append(arguments)
        return drop_interval(*arguments)

    monkeypatch.setattr(_once, "drop_interval", counting)
    _once._drop.cache_clear()
    return asked


def test_a_second_decision_computes_nothing_again_and_decides_the_same(make, computed: list[Any]) -> None:
    study = make(make.baseline, make.onnx, make.static)
    chosen, rows = choose(study), [row_of(study, c) for c in study.candidates]
    assert computed
    computed.clear()
    again = make(make.baseline, make.onnx, make.static)
    assert (choose(again), [row_of(again, c) for c in again.candidates]) == (chosen, rows)
    assert computed == [], "equal values, whichever study they stand in"


def test_a_changed_score_or_seed_is_computed_anew(make, computed: list[Any]) -> None:
    study = make(make.baseline, make.static)
    before = row_of(study, study.candidate("static")).drop
    worse = make(make.baseline, replace(make.static, lost=40))
    assert row_of(worse, worse.candidate("static")).drop.value > before.value
    count = len(computed)
    row_of(replace(study, seed=1), study.candidate("static"))
    assert len(computed) == count + 1


def test_metrics_that_differ_are_not_taken_for_each_other(computed: list[Any]) -> None:
    @dataclass  # no hash
    class Scaled(Mse):
        factor: float = 2.0

        def aggregate(self, scores: Any) -> float:
            return self.factor * float(scores.mean())

    ours, theirs = (1.0, 2.0, 4.0) * 5, (1.0, 1.0, 1.0) * 5
    mse = _once.metric_made(Mse)
    one, other = _once.drop_once(theirs, ours, mse, 0), _once.drop_once(theirs, ours, Scaled(), 0)
    assert other.value == pytest.approx(2 * one.value)
    assert _once.drop_once(theirs, ours, _once.metric_made(Mse), 0) == one
    assert len(computed) == 2
