from __future__ import annotations

from dataclasses import replace

import pytest

from thimble.core.study import Environment, Round
from thimble.devices import processor
from thimble.devices.environment import environment
from thimble.measure.conditions import condition_warnings

QUIET = Environment("m", "p", (), 4, 8000, "Linux x86_64", "3.11", "performance")


def rounds(loads: list[float | None], clocks: list[float | None]) -> list[Round]:
    return [Round(("a",), {"a": (1.0,)}, 0.0, load, clock) for load, clock in zip(loads, clocks, strict=True)]


def codes(loads: list[float | None], clocks: list[float | None], environment: Environment = QUIET, threads: int = 1) -> list[str]:
    return [advice.code for advice in condition_warnings(rounds(loads, clocks), environment, threads)]


def test_a_quiet_machine_gives_no_warning() -> None:
    assert codes([0.01] * 6, [2400.0] * 6) == []


def test_what_the_system_does_not_tell_is_no_warning() -> None:
    assert codes([None] * 6, [None] * 6, replace(QUIET, governor="unknown")) == []


def test_each_condition_has_its_warning() -> None:
    assert codes([0.3] * 6, [2400.0] * 6) == ["machine-busy"]
    assert codes([0.0] * 6, [2400.0] * 3 + [1500.0] * 3) == ["clock-throttled"]
    assert codes([0.0] * 6, [2400.0] * 6, replace(QUIET, governor="powersave")) == ["powersave"]
    assert codes([0.0] * 6, [2400.0] * 6, threads=8) == ["few-cores"]


def test_what_others_held_up_is_told_as_a_share_of_the_inferences() -> None:
    found = [Round(("a", "b"), {"a": (1.0,) * 9, "b": (1.0,) * 10}, 0.0, disturbed={"a": 1}) for _ in range(5)]
    (told,) = condition_warnings([*found, Round(("a", "b"), {"a": (1.0,) * 45, "b": (1.0,) * 55}, 0.0)], QUIET, 1)
    assert told.text == "2.5 % of the inferences, in 5 of 6 rounds, waited for a core that another program held; they are left out"


def test_every_warning_says_what_to_do() -> None:
    found = condition_warnings(rounds([0.5] * 6, [2000.0] * 3 + [100.0] * 3), replace(QUIET, governor="powersave"), 9)
    assert len(found) == 4
    assert all(any(word in advice.text.lower() for word in ("close", "let it cool", "set it", "use at most")) for advice in found)


def test_the_environment_is_this_machine() -> None:
    here = environment(["numpy", "no-such-package"])
    assert here.cores == len(processor.available_cores())
    assert here.memory_mb > 100
    assert set(here.versions) == {"numpy"}
    assert here.comparable == environment().comparable


@pytest.mark.parametrize(("text", "cores"), [("0", [0]), ("0-3", [0, 1, 2, 3]), ("0,4-5", [0, 4, 5]), ("", [])])
def test_core_lists_are_read(text: str, cores: list[int]) -> None:
    assert processor._cores_in(text) == cores


def test_physical_and_fast_cores_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = {0: 1, 1: 1, 2: 5, 3: 5, 4: 5, 5: 5}
    monkeypatch.setattr(processor, "available_cores", lambda: list(speeds))
    monkeypatch.setattr(processor, "_speed", speeds.__getitem__)
    monkeypatch.setattr(processor, "_sibling_rank", lambda core: core % 2)
    assert processor.cores_for(2) == [2, 4]
    assert processor.cores_for(5) == [0, 2, 3, 4, 5]
    assert processor.cores_for(99) == list(speeds)
