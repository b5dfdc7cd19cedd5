"""Fitting under limits: what is tried, what is given up early, and what the budget and the test split are held to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from thimble.api.fit import Fit, confirmed, fit, plan
from thimble.core.errors import BadInput, LimitsNotMet, OutOfTime
from thimble.core.study import Limits, Study, read_study
from thimble.decide.limits import hopeless
from thimble.engine.forecast import Forecast
from thimble.engine.store import Store
from thimble.search.candidates import Situation, prospects
from thimble.search.shortlist import shortlist
from thimble.study.run import stretch

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"
BUDGET = 60.0
LIMITS = Limits(max_drop=60.0, max_size=0.04)
"""The network takes 0.0415 MB as FP32 ONNX file, which is the first candidate."""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, float, Path]:
    place = tmp_path_factory.mktemp("fit")
    begun = time.monotonic()
    slow = stretch()
    study = fit(Fit(TINY, "digits", LIMITS, size=16, threads=1, budget=BUDGET), place / "out", store=Store(place / "store"))
    return study, (time.monotonic() - begun) / max(slow, stretch()), place


def test_one_candidate_is_chosen_and_only_it_sees_the_test_split(fitted: tuple[Study, float, Path]) -> None:
    study, _, _ = fitted
    assert study.complete
    assert study.chosen
    tested = {c.name for c in study.candidates if "test" in c.quality}
    assert tested == {"baseline", study.chosen}


def test_the_budget_is_kept(fitted: tuple[Study, float, Path]) -> None:
    """In seconds of a machine of one's own: where others use it, all takes as many times as long as a loop does there."""
    assert fitted[1] < 1.15 * BUDGET


def test_what_is_too_large_is_given_up_before_it_is_measured(fitted: tuple[Study, float, Path]) -> None:
    study, _, _ = fitted
    large = study.candidate("onnx")
    assert large.size
    assert large.size.bytes > 40_000
    assert (large.status, large.cold, large.quality) == ("given up", None, {})
    assert "the limit is 0.04 MB" in large.reason
    assert not any("onnx" in run.members for run in study.runs)


def test_the_best_is_at_hand_and_a_second_start_does_nothing_twice(fitted: tuple[Study, float, Path]) -> None:
    study, _, place = fitted
    assert (place / "out" / "best").resolve() == (place / "out" / "artifacts" / str(study.chosen)).resolve()
    options, store = Fit(TINY, "digits", LIMITS, size=16, threads=1, budget=BUDGET), place / "store"
    made = results(store)
    again = fit(options, place / "out", store=Store(store))
    assert made.items() <= results(store).items(), "no step is carried out a second time"
    for known in (candidate for candidate in study.candidates if candidate.status in ("ok", "given up")):
        after = again.candidate(known.name)
        assert (after.status, after.size, after.cold) == (known.status, known.size, known.cold)
        assert after.quality.get("validation") == known.quality.get("validation")
    if not any("budget" in c.reason for c in study.candidates):
        assert (again.chosen, {run.id for run in again.runs}) == (
            study.chosen,
            {run.id for run in study.runs},
        )  # a second start may find time to look for more causes
        before = (place / "out" / "report.html").stat().st_mtime_ns
        assert fit(options, place / "out", store=Store(place / "store")) == again
        assert (place / "out" / "report.html").stat().st_mtime_ns == before


def results(store: Path) -> dict[str, int]:
    """When each finished step was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in store.glob("steps/[!.]*/model.json")}


def test_killed_then_interrupted_it_tells_what_it_knows(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "thimble", "fit", TINY, "--data", "digits", "--size", "16", "--threads", "1", "--out", str(out)]
    environment = {**os.environ, "THIMBLE_STORE": str(tmp_path / "store")}

    def started() -> subprocess.Popen[str]:
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def knows(names: set[str]) -> bool:
        if not (out / "study.json").exists():
            return False
        return names <= {c.name for c in read_study(out).candidates if c.quality}

    first = started()
    wait_for(lambda: knows({"baseline"}), first)
    first.kill()
    first.communicate()
    second = started()
    wait_for(lambda: knows({"baseline", "onnx"}), second)
    second.send_signal(signal.SIGINT)
    told, _ = second.communicate(timeout=120)
    assert second.returncode == 130
    assert "onnx" in told
    assert (out / "report.html").exists()
    assert (out / "best").exists()


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 240
    while not what():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_step_that_foresees_that_it_will_be_late_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("thimble.engine.forecast.time", SimpleNamespace(monotonic=lambda: now[0]))
    forecast = Forecast(deadline=1200.0, _begun=1000.0, _step="finetune(2)")
    now[0] = 1020.0
    forecast(0.2, "finetune(2): epoch 1 of 2")  # 80 s more of 180
    with pytest.raises(OutOfTime, match="7 min"):
        forecast(0.05, "finetune(2): epoch 1 of 2")  # 380 s more


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
    assert "the limit is 1e-06 MB" in (hopeless(study, ready) or "")


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
    bare = [r.name for r in prospects(Situation("torch", 800, installed=lambda module: False))]
    assert bare[0] == "baseline"
    assert not any("openvino" in name or "student" in name for name in bare)
    rich = [r.name for r in prospects(Situation("torch", 800, student="torchvision:mobilenet_v2", installed=lambda module: True))]
    assert {"openvino-int8", "onnx-int8-nncf", "openvino-int8-nncf", "student-int8"} <= set(rich)
    for trait, first in (("attention", "onnx-int8-dynamic"), ("recurrent", "onnx-int8-recurrent")):
        names = [r.name for r in prospects(Situation("torch", 800, traits=frozenset({trait}), installed=lambda module: False))]
        assert names[2] == first
        assert names.index("onnx-int8-dynamic") < names.index("onnx-int8")
        assert names.count("onnx-int8-dynamic") == 1
    files = prospects(Situation("onnx", installed=lambda module: False))
    assert all(r.runtime == "onnxruntime" for r in files)
    assert not any("prune" in r.name for r in files)
