"""Code that never returns is ended, and alarms of others are not lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from thimble.core.errors import BadInput, OutOfTime
from thimble.core.patience import killed_after, returning, within


def never() -> None:
    while True:
        time.sleep(0.01)


def test_what_takes_longer_than_it_may_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"the function was ended: it did not return within 0\.1 s"), returning("the function", 0.1):
        never()


def test_what_takes_longer_than_the_budget_is_out_of_time() -> None:
    with pytest.raises(OutOfTime, match="the time budget was used up"), within(0.1), returning("the function", 60):
        never()
    with returning("the function", None):
        time.sleep(0.15)


def test_catching_everything_does_not_help_for_ever() -> None:
    def stubborn() -> None:
        try:
            never()
        except BadInput:
            never()

    begun = time.monotonic()
    with pytest.raises(BadInput), returning("it", 0.1):
        stubborn()
    assert time.monotonic() - begun < 5


def test_other_threads_are_left_alone() -> None:
    done = []

    def work() -> None:
        with returning("it", 0.05), killed_after(0.05):
            time.sleep(0.1)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


def test_an_alarm_that_was_set_before_still_rings() -> None:
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with returning("it", 10):
            pass
        time.sleep(0.4)
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)
    assert rung


def test_a_process_that_is_stuck_in_foreign_code_is_killed() -> None:
    code = (
        "import threading, time\nfrom thimble.core.patience import killed_after\n"
        "with killed_after(0.2):\n  threading.Lock().acquire() and time.sleep(30)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=20)
    assert done.returncode == -signal.SIGALRM


def test_code_that_catches_everything_ends_its_process_where_that_may_die() -> None:
    code = """
from thimble.core import patience
patience.REPEAT_S = 0.02
patience.let_die()
with patience.returning("it", 0.02):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == -signal.SIGALRM
