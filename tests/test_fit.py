"""Fitting under limits: what is tried, what is given up early, and what the budget and the test split are held to."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from thimble._fit import Fit, confirmed, fit, plan
from thimble.base.errors import BadInput, LimitsNotMet
from thimble.base.study import Limits, Study
from thimble.catalog.prospects import Situation, prospects
from thimble.recommend.search import hopeless, shortlist
from thimble.store import Store

TINY = f"{Path(__file__).parent / 'tiny.py'}:network"
BUDGET = 45.0


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, float, Path]:
    place = tmp_path_factory.mktemp("fit")
    begun = time.monotonic()
    options = Fit(TINY, "digits", Limits(max_drop=60.0, max_size=0.06), size=16, threads=1, budget=BUDGET)
    return fit(options, place / "out", store=Store(place / "store")), time.monotonic() - begun, place


def test_one_candidate_is_chosen_and_only_it_sees_the_test_split(fitted: tuple[Study, float, Path]) -> None:
    study, _, _ = fitted
    assert study.complete
    assert study.chosen
    tested = {c.name for c in study.candidates if "test" in c.quality}
    assert tested == {"baseline", study.chosen}


def test_the_budget_is_kept(fitted: tuple[Study, float, Path]) -> None:
    assert fitted[1] < 3 * BUDGET  # loose: a shared machine may stall; benchmarks hold it to 10 %


def test_what_is_too_large_is_dropped_before_it_is_measured(fitted: tuple[Study, float, Path]) -> None:
    study, _, _ = fitted
    for candidate in study.candidates:
        if candidate.status == "dropped" and candidate.size and candidate.size.bytes > 60_000:
            assert "above the limit" in candidate.reason
            assert candidate.cold is None
            return
    assert any(c.status in ("not tried", "failed") for c in study.candidates)


def test_reports_are_there(fitted: tuple[Study, float, Path]) -> None:
    assert (fitted[2] / "out" / "report.html").exists()


def test_limits_that_nothing_meets_are_said(fitted: tuple[Study, float, Path]) -> None:
    strict = replace(fitted[0], limits=Limits(max_size=0.000001))
    with pytest.raises(LimitsNotMet):
        confirmed(strict)


def test_the_shortlist_begins_with_the_baseline(fitted: tuple[Study, float, Path]) -> None:
    names = shortlist(fitted[0], most=2)
    assert names[0] == "baseline"
    assert len(names) == len(set(names)) <= 4


def test_hopeless_is_by_exact_size(fitted: tuple[Study, float, Path]) -> None:
    study = replace(fitted[0], limits=Limits(max_size=0.000001))
    ready = next(c.name for c in study.candidates if c.size)
    assert "above the limit" in (hopeless(study, ready) or "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"limits": Limits(max_size=-1.0)}, "max-size"),
        ({"limits": Limits(max_latency=0.0)}, "max-latency"),
        ({"budget": -5.0}, "budget"),
        ({"limits": Limits(minimize="beauty")}, "beauty"),
    ],
)
def test_limits_that_cannot_be_are_refused_at_once(fields: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        plan(replace(Fit(TINY, "digits", size=16), **fields))  # type: ignore[arg-type]


def test_prospects_follow_the_situation() -> None:
    bare = [r.name for r in prospects(Situation("torch", installed=lambda module: False))]
    assert bare[0] == "baseline"
    assert bare.index("onnx-int8") < bare.index("prune30-int8")
    assert not any("openvino" in name or "student" in name for name in bare)
    rich = [r.name for r in prospects(Situation("torch", student="torchvision:mobilenet_v2", installed=lambda module: True))]
    assert {"openvino-int8", "student-int8"} <= set(rich)
    files = prospects(Situation("onnx", installed=lambda module: False))
    assert all(r.runtime == "onnxruntime" for r in files)
    assert not any("prune" in r.name for r in files)
