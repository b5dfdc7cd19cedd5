from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.sampling import Sampling
from thimble.core.study import Run
from thimble.devices import processor
from thimble.devices.process import Slice, Worker
from thimble.devices.worker import Waiting
from thimble.measure import rounds
from thimble.measure.latency import measure_latency
from thimble.stats import ratio_interval, speedup_in, speedup_interval, verdict


def series(run: Run, name: str) -> list[tuple[float, ...]]:
    return [turn.samples_ms[name] for turn in run.rounds if name in turn.samples_ms]


def codes(run: Run) -> set[tuple[str, str | None]]:
    return {(advice.code, advice.member) for advice in run.warnings}


def test_every_round_holds_every_member_in_changing_order(scripted: Any, image: Any) -> None:
    subjects = [scripted(name, ms=0.2) for name in "abc"]
    run = measure_latency(subjects, image, Sampling(rounds=12, seed=3))
    assert run.members == ("a", "b", "c")
    assert run.reference == "a"
    assert len(run.rounds) == 12
    assert all(set(turn.order) == set(turn.samples_ms) == {"a", "b", "c"} for turn in run.rounds)
    assert len({turn.order for turn in run.rounds}) > 2
    assert [turn.at_s for turn in run.rounds] == sorted(turn.at_s for turn in run.rounds)
    assert set(run.warmup_ms) == {"a", "b", "c"}
    assert run.environment.cores >= 1
    again = measure_latency(subjects, image, Sampling(rounds=12, seed=3))
    assert [turn.order for turn in again.rounds] == [turn.order for turn in run.rounds]
    assert again.id != run.id


def test_twice_as_slow_is_found(scripted: Any, image: Any) -> None:
    run = measure_latency([scripted("base", ms=1.0), scripted("slow", ms=2.0)], image, Sampling(rounds=15))
    found = speedup_interval(series(run, "base"), series(run, "slow"))
    assert verdict(found) == "slower"
    assert found.low < 0.5 < found.high * 1.05


def test_seconds_end_a_run(scripted: Any, image: Any) -> None:
    began = time.monotonic()
    run = measure_latency([scripted("a")], image, Sampling(seconds=0.5))
    assert len(run.rounds) >= 5
    assert time.monotonic() - began < 30
    assert run.rounds[-1].at_s < 10


def test_precision_measures_until_the_interval_is_narrow(scripted: Any, image: Any) -> None:
    run = measure_latency([scripted("a", ms=1.0), scripted("b", ms=1.0)], image, Sampling(precision=0.5, longest_s=250))
    found = ratio_interval(series(run, "a"), series(run, "b"))
    assert len(run.rounds) >= 15
    assert (found.high - found.low) / 2 / found.value <= 0.5


def test_processes_are_opened_anew_where_that_is_asked(scripted: Any, image: Any) -> None:
    run = measure_latency([scripted("a", ms=1.0), scripted("b", ms=2.0)], image, Sampling(rounds=24, reopen=True))
    openings = [turn.opening for turn in run.rounds]
    assert len(run.rounds) == 24
    assert openings == sorted(openings)
    assert len(set(openings)) >= 2
    assert min(openings.count(one) for one in set(openings)) >= 4  # none for a round or two at the end
    once = speedup_interval(series(run, "a"), series(run, "b"))
    found = speedup_in(run, "b")
    assert found is not None
    assert once.low < found.low < found.value < found.high < once.high


def test_processes_that_were_handed_in_are_not_opened_anew(scripted: Any, image: Any) -> None:
    subject = scripted("a", ms=1.0)
    with Worker(subject) as worker:
        pid = worker.pid
        run = measure_latency([subject], image, Sampling(rounds=24, reopen=True), workers={"a": worker})
        assert worker.pid == pid
    assert {turn.opening for turn in run.rounds} == {0}


def test_a_member_that_fails_in_a_later_opening_is_left_out(scripted: Any, image: Any) -> None:
    subject, opened = scripted("b", ms=1.0), []

    def tell(done: float, words: str) -> None:
        opened.append(words)
        if opened.count("warming up b") == 1:
            (subject.folder / "model.json").write_text('{"open_error": "gone"}')

    run = measure_latency([scripted("a", ms=1.0), subject], image, Sampling(rounds=24, reopen=True), tell)
    assert ("member-failed", "b") in codes(run)
    assert len(series(run, "a")) == 24
    assert 8 <= len(series(run, "b")) < 24


def test_precision_is_that_of_the_whole_interval_where_processes_are_opened_anew(scripted: Any, image: Any) -> None:
    run = measure_latency([scripted("a", ms=1.0), scripted("b", ms=1.0)], image, Sampling(precision=0.025, longest_s=120, reopen=True))
    found = speedup_in(run, "b")
    assert found is not None
    wide = ("wide-interval", "b") in codes(run)
    assert wide == ((found.high - found.low) / 2 / found.value > 0.025)
    assert len({turn.opening for turn in run.rounds}) > 1  # one opening alone leaves +-3 %


def test_progress_never_goes_back(scripted: Any, image: Any) -> None:
    told: list[float] = []
    measure_latency([scripted("a"), scripted("b")], image, Sampling(rounds=24, reopen=True), lambda done, words: told.append(done))
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1


def test_a_member_that_fails_in_the_middle_is_told_and_the_run_goes_on(scripted: Any, image: Any) -> None:
    run = measure_latency([scripted("a"), scripted("b", do="crash", after=400)], image, Sampling(rounds=10))
    assert ("member-failed", "b") in codes(run)
    assert len(series(run, "a")) == 10
    assert len(series(run, "b")) < 10
    assert "SIGSEGV" in next(advice.text for advice in run.warnings if advice.code == "member-failed")


def test_a_member_that_does_not_open_is_told_and_left_out(scripted: Any, image: Any) -> None:
    run = measure_latency([scripted("a"), scripted("b", open_error="no good"), scripted("c")], image, Sampling(rounds=5))
    assert run.members == ("a", "c")
    assert ("member-failed", "b") in codes(run)


def test_a_reference_that_fails_fails_the_run(scripted: Any, image: Any) -> None:
    with pytest.raises(RuntimeFailed, match="no good"):
        measure_latency([scripted("a", open_error="no good"), scripted("b")], image, Sampling(rounds=5))
    with pytest.raises(RuntimeFailed, match="it broke"):
        measure_latency([scripted("a", do="fail", after=400), scripted("b")], image, Sampling(rounds=100))


def test_what_does_not_fit_in_memory_is_measured_in_groups_each_with_the_reference(
    scripted: Any, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "available_memory_mb", lambda: 10.0)
    monkeypatch.setattr(processor, "available_cores", lambda: [0])
    run = measure_latency([scripted(name) for name in "abc"], image, Sampling(rounds=5))
    assert [set(turn.order) for turn in run.rounds] == [{"a", "b"}] * 5 + [{"a", "c"}] * 5


def test_a_warm_up_that_does_not_settle_is_told(scripted: Any, image: Any) -> None:
    run = measure_latency([scripted("a", ms=1.0, grow=1.05)], image, Sampling(rounds=1, warmup_s=0.5))
    assert ("not-steady", "a") in codes(run)


def test_more_threads_than_cores_is_told(scripted: Any, image: Any) -> None:
    run = measure_latency([replace(scripted("a"), threads=99)], image, Sampling(rounds=2))
    assert ("few-cores", None) in codes(run)


@pytest.mark.busy
def test_beside_a_busy_neighbour_no_figure_is_given(scripted: Any, image: Any) -> None:
    import subprocess
    import sys

    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in processor.available_cores()]
    try:
        run = measure_latency([scripted("a", ms=2.0), scripted("b", ms=1.0)], image, Sampling(rounds=8))
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert ("not-measured", "b") in codes(run)
    assert speedup_in(run, "b") is None
    assert len(run.rounds) == 8  # none was quiet: more of them would be no better
    assert run.rounds[0].disturbed["a"] > 0


@pytest.mark.parametrize(
    ("load", "stolen", "quiet", "kept"),
    [
        (0.0, 0.0, [True] * 4, (1.0, 2.0, 3.0, 4.0)),
        (0.05, 0.0, [True, True, False, True], (1.0, 2.0, 4.0)),
        (0.05, 0.0, [True, False, False, True], ()),  # too few are left
        (0.3, 0.0, [True] * 4, ()),
        (0.0, 0.3, [True] * 4, ()),
        (None, None, [True] * 4, (1.0, 2.0, 3.0, 4.0)),  # a system that tells nothing
    ],
)
@pytest.mark.busy
def test_what_others_disturbed_is_left_out(load: float | None, stolen: float | None, quiet: list[bool], kept: tuple[float, ...]) -> None:
    assert rounds.undisturbed(Slice([1.0, 2.0, 3.0, 4.0], quiet, 1.0), load, stolen) == kept


@pytest.mark.busy
def test_disturbed_rounds_are_repeated(scripted: Any, image: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def every_other(one: Slice, load: float | None, stolen: float | None) -> tuple[float, ...]:
        taken.append(1)
        return tuple(one.samples_ms) if len(taken) % 2 else ()

    monkeypatch.setattr(rounds, "undisturbed", every_other)
    run = measure_latency([scripted("a")], image, Sampling(rounds=6))
    assert len(run.times("a")) == 6
    assert len(run.rounds) == 11
    assert ("disturbed", None) in codes(run)


@pytest.mark.busy
def test_a_process_that_waits_for_its_core_knows_it(image: Any) -> None:
    import subprocess
    import sys

    if not Path("/proc/self/task").is_dir():
        pytest.skip("only Linux tells")
    core = processor.available_cores()[-1]
    script = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    before = os.sched_getaffinity(0)
    hog = subprocess.Popen([sys.executable, "-c", script])
    try:
        os.sched_setaffinity(0, [core])
        time.sleep(0.2)
        with Waiting() as waiting:
            until = time.monotonic() + 0.2
            while time.monotonic() < until:
                pass
            assert not waiting.was_quiet()
    finally:
        os.sched_setaffinity(0, before)
        hog.kill()
        hog.wait()


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"rounds": -1}, {"precision": 0.0}, {"batch": 0}])
def test_sampling_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Sampling(**wrong)


def test_members_must_be_told_apart_and_have_equal_threads(scripted: Any, image: Any) -> None:
    with pytest.raises(BadInput, match="different names"):
        measure_latency([scripted("a"), scripted("a")], image, Sampling(rounds=1))
    with pytest.raises(BadInput, match="equal threads"):
        measure_latency([scripted("a"), scripted("b", threads=2)], image, Sampling(rounds=1))
    with pytest.raises(BadInput, match="at least one"):
        measure_latency([], image, Sampling(rounds=1))


def test_the_same_artifact_against_itself_is_seldom_called_different(onnx_subject: Any, image: Any) -> None:
    """The fast form of the full one in benchmarks/measuring/aa.py: at 5 % each, three false alarms in four are a bug."""
    verdicts = []
    for seed in range(4):
        run = measure_latency([onnx_subject, replace(onnx_subject, name="again")], image, Sampling(rounds=15, seed=seed))
        verdicts.append(verdict(speedup_interval(series(run, "onnx"), series(run, "again"))))
    assert verdicts.count("no proven difference") >= 2


def test_a_run_holds_the_machine_and_others_wait(scripted: Any, image: Any) -> None:
    """Two runs in two threads: the second one's rounds begin after the first one's end."""
    ends: dict[str, tuple[float, float]] = {}

    def go(name: str) -> None:
        run = measure_latency([subjects[name]], image, Sampling(rounds=5))
        now = time.monotonic()
        ends[name] = (now - run.rounds[-1].at_s, now)

    subjects = {name: scripted(name) for name in "ab"}
    threads = [threading.Thread(target=go, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (_, first_end), (second_begin, _) = sorted(ends.values(), key=lambda span: span[1])
    assert second_begin >= first_end - 0.5
