from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput
from thimble.core.study import Advice, Candidate, Environment, Limits, Quality, Round, Run, Size, Study, TaskInfo
from thimble.core.values import File
from thimble.decide.compare import compare_saved, compare_studies

HERE = Environment("m", "p", ("avx2",), 2, 8000, "Linux x86_64", "3.11", "performance", {"torch": "2.13"})


def study(ms: dict[str, float], id: str, seed: int = 0, right: float = 0.9, **environment: Any) -> Study:
    """Candidates of given latencies with noise, measured together in one run; their scores are right with a chance."""
    generator = np.random.default_rng(seed)
    rounds = []
    for at in range(25):
        drift = generator.normal(1, 0.02)
        rounds.append(Round(tuple(ms), {k: tuple(v * drift * generator.normal(1, 0.005, 5)) for k, v in ms.items()}, float(at)))
    names = tuple(ms)
    run = Run(id, names, names[0], 0, 1, 1, tuple(rounds), replace(HERE, **environment))
    scores = tuple(map(float, np.random.default_rng(0).random(400) < right))
    candidates = tuple(
        Candidate(
            name,
            "as given",
            "onnxruntime",
            status="ok",
            artifact=Artifact("onnx", "model.onnx", (File("model.onnx", 1000, name),), (), ()),
            size=Size(1000, 900),
            quality={"test": Quality("test", "f", "accuracy", scores)},
        )
        for name in names
    )
    task = TaskInfo("digits", "digits", "accuracy", "%", True, (), {})
    return Study("measure", "m", task, run.environment, 1, 0, Limits(), candidates, (run,), id)


def test_members_of_one_run_are_paired() -> None:
    found = study({"a": 10.0, "b": 5.0}, "one")
    said = compare_saved((found, "a"), (found, "b"))
    assert said.verdict == "faster"
    assert said.ratio.low < 2 < said.ratio.high
    assert "together" in said.how
    assert said.sizes_mb == (0.001, 0.001)
    assert said.drop is not None
    assert said.drop.value == 0


def test_runs_of_one_reference_are_compared_by_their_ratios() -> None:
    """The second machine state is twice as slow: milliseconds would say so, ratios don't."""
    before, after = study({"a": 10.0, "b": 5.0}, "one"), study({"a": 20.0, "c": 5.0}, "two", seed=1)
    said = compare_saved((before, "b"), (after, "c"))
    assert said.verdict == "faster"
    assert said.ratio.low < 2 < said.ratio.high
    assert "each against a" in said.how
    both = compare_saved((before, "b"), (before, "b"))
    assert said.ratio.high / said.ratio.low > both.ratio.high / both.ratio.low


def test_runs_without_a_common_reference_are_refused() -> None:
    with pytest.raises(BadInput, match="different references"):
        compare_saved((study({"a": 10.0, "b": 5.0}, "one"), "b"), (study({"x": 10.0, "c": 5.0}, "two"), "c"))


@pytest.mark.parametrize(("field", "value"), [("processor", "q"), ("cores", 4), ("governor", "powersave")])
def test_runs_under_other_conditions_are_refused(field: str, value: Any) -> None:
    other = study({"a": 10.0, "c": 5.0}, "two", **{field: value})
    with pytest.raises(BadInput, match="measured under different conditions"):
        compare_saved((study({"a": 10.0, "b": 5.0}, "one"), "b"), (other, "c"))


def test_other_threads_are_refused() -> None:
    other = study({"a": 10.0, "c": 5.0}, "two")
    other = replace(other, runs=(replace(other.runs[0], threads=2),))
    with pytest.raises(BadInput, match="threads 1 and 2"):
        compare_saved((study({"a": 10.0, "b": 5.0}, "one"), "b"), (other, "c"))


def test_without_latency_nothing_is_said_of_speed() -> None:
    silent = replace(study({"a": 1.0}, "one"), runs=(), joint_run=None)
    with pytest.raises(BadInput, match="no latency"):
        compare_saved((silent, "a"), (silent, "a"))


def test_studies_side_by_side_tell_proven_changes() -> None:
    before, after = study({"a": 10.0, "b": 5.0, "gone": 1.0}, "one"), study({"a": 30.0, "b": 20.0}, "two", seed=1, right=0.5)
    after = replace(after, candidates=(after.candidates[0], replace(after.candidates[1], size=Size(2000, 1))))
    found = compare_studies([before, after], ["last week", "today"])
    said = {(change.candidate, change.measure): change.verdicts[1] for change in found.changes}
    assert said["b", "speedup"] == "worse"  # 2x before, 1.5x now
    assert said["b", "size"] == "worse"
    assert said["b", "quality"] == "worse"
    assert said["a", "size"] == "no proven change"
    assert ("gone", "size") not in said
    assert {change.measure for change in found.regressions if change.candidate == "b"} == {"speedup", "size", "quality"}
    assert [side.label for side in found.sides] == ["last week", "today"]


def test_equal_studies_prove_nothing() -> None:
    found = compare_studies([study({"a": 10.0, "b": 5.0}, "one"), study({"a": 20.0, "b": 10.0}, "two", seed=3)], ["x", "y"])
    assert found.regressions == ()
    assert all(change.verdicts[1] in ("", "no proven change") for change in found.changes)


def test_another_machine_is_noted_and_other_samples_are_not_comparable() -> None:
    other = study({"a": 10.0, "b": 5.0}, "two", processor="another")
    moved = tuple(replace(c, quality={"test": replace(c.quality["test"], fingerprint="g")}) for c in other.candidates)
    found = compare_studies([study({"a": 10.0, "b": 5.0}, "one"), replace(other, candidates=moved)], ["x", "y"])
    assert any("another" in note for note in found.notes)
    assert all(change.verdicts[1] == "not comparable" for change in found.changes if change.measure == "quality")


def test_what_was_odd_about_the_runs_goes_with_the_verdict() -> None:
    busy, other, third = Advice("machine-busy", "busy"), Advice("trend", "drifts", "b"), Advice("trend", "drifts", "c")
    found = study({"a": 10.0, "b": 5.0, "c": 1.0}, "one")
    found = replace(found, runs=(replace(found.runs[0], warnings=(busy, other, third)),))
    assert compare_saved((found, "a"), (found, "b")).warnings == (busy, other)
    again = study({"a": 10.0, "d": 5.0}, "two", seed=1)
    assert compare_saved((found, "b"), (again, "d")).warnings == (busy, other)
