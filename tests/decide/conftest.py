"""Studies made by hand: a few candidates with real-looking raw times and scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.study import (
    Candidate,
    Cold,
    Environment,
    Finding,
    Limits,
    Quality,
    Round,
    Run,
    Size,
    SplitInfo,
    StepRecord,
    Study,
    TaskInfo,
)
from thimble.core.values import File

SAMPLES = {"validation": 300, "test": 600}
OLD_CPU = ("avx", "avx2", "fma")


@dataclass(frozen=True)
class Made:
    """A candidate as a test describes it.

    ``lost`` and ``won`` are how many of 600 test samples it gets wrong that the baseline gets right, and the other
    way round (half as many of the 300 validation samples, unless ``validation`` says otherwise). ``ms`` is the median
    latency, ``scatter`` that of its rounds.
    """

    name: str
    recipe: str = "as given"
    runtime: str = "pytorch"
    mb: float | None = 44.8
    ms: float | None = 20.0
    lost: int | None = 0
    won: int = 0
    validation: tuple[int, int] | None = None
    scatter: float = 0.02
    memory: float | None = None
    deflated: float | None = None
    parameters: int = 11_000_000
    zeros: float = 0.0
    macs: int = 1_800_000_000
    types: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    status: str = "ok"
    reason: str = ""
    sqnr: float | None = 30.0
    findings: tuple[Finding, ...] = ()
    files: tuple[File, ...] = ()
    sensitivity: dict[str, float] = field(default_factory=dict)
    tested: bool = True


def study_of(*made: Made, rounds: int = 30, seed: int = 0, features: tuple[str, ...] = OLD_CPU, **changes: Any) -> Study:
    """A complete study of these, the first one its baseline, with one joint run."""
    environment = Environment("here", "Some CPU", features, 2, 8000, "Linux x86_64", "3.11", "unknown")
    splits = {name: SplitInfo(n, name[0] * 24) for name, n in SAMPLES.items()}
    task = TaskInfo("digits", "digits", "accuracy", "%", True, (), splits)
    run = joint_run(made, rounds, seed, environment)
    whole = Study(
        "test", "torchvision:resnet18", task, environment, 1, 0, Limits(), tuple(map(candidate, made)), (run,) if run else (),
        run.id if run else None, complete=True,
    )  # fmt: skip
    return replace(whole, **changes)


def joint_run(made: tuple[Made, ...], rounds: int, seed: int, environment: Environment, id: str = "joint") -> Run | None:
    members = [m for m in made if m.ms is not None and m.status == "ok"]
    if not members:
        return None
    generator = np.random.default_rng(seed)
    drift = np.exp(np.cumsum(generator.normal(0, 0.02, rounds)))
    taken = []
    for i in range(rounds):
        times = {m.name: tuple(m.ms * drift[i] * np.exp(generator.normal(0, m.scatter, 5))) for m in members}
        taken.append(Round(tuple(times), times, float(i)))
    return Run(id, tuple(m.name for m in members), members[0].name, seed, 1, 1, tuple(taken), environment)


def candidate(made: Made) -> Candidate:
    if made.status != "ok":
        return Candidate(made.name, made.recipe, made.runtime, status=made.status, reason=made.reason)
    size = None
    if made.mb is not None:
        all_bytes = round(made.mb * 1e6)
        deflated = round((made.deflated or 0.93 * made.mb) * 1e6)
        nonzero = round(made.parameters * (1 - made.zeros))
        size = Size(all_bytes, deflated, made.types or {"float32": all_bytes}, made.parameters, nonzero, made.macs)
    texts = [] if made.recipe == "as given" else made.recipe.split(" + ")
    steps = tuple(
        StepRecord(text.partition("(")[0], text, {}, 1, 1.0, False, "onnx", "k", made.notes if text is texts[-1] else {}) for text in texts
    )
    artifact = Artifact("onnx", "model.onnx", made.files, (), ("output",)) if made.files else None
    cold = None if made.memory is None else Cold(100.0, 2 * (made.ms or 1), 50.0, 50.0 + made.memory)
    return Candidate(
        made.name, made.recipe, made.runtime, status="ok", steps=steps, size=size, cold=cold, quality=qualities(made), artifact=artifact,
        findings=made.findings, sensitivity_db=made.sensitivity,
    )  # fmt: skip


def qualities(made: Made) -> dict[str, Quality]:
    if made.lost is None:
        return {}
    flips = {"test": (made.lost, made.won), "validation": made.validation or (made.lost // 2, made.won // 2)}
    return {split: quality(split, *flips[split], made.sqnr) for split in SAMPLES if made.tested or split != "test"}


def quality(split: str, lost: int, won: int, sqnr: float | None) -> Quality:
    """The baseline gets the last 5 % of the samples wrong; this one the first ``lost`` too, and ``won`` of the last right."""
    n = SAMPLES[split]
    right = np.ones(n)
    right[n - n // 20 :] = 0
    right[:lost] = 0
    right[n - won :] = 1
    return Quality(split, split[0] * 24, "accuracy", tuple(right.tolist()), sqnr_db=sqnr)


BASELINE = Made("baseline", sqnr=None)
ONNX = Made("onnx", "to_onnx()", "onnxruntime", ms=10.0)
STATIC = Made("static", "to_onnx() + onnx_quantize_static()", "onnxruntime", mb=11.4, ms=4.0, lost=1)


@pytest.fixture(scope="session")
def make():
    """``make(Made...)``: a study; the usual candidates and `Made` hang on it."""
    study_of.Made = Made  # type: ignore[attr-defined]
    study_of.baseline, study_of.onnx, study_of.static = BASELINE, ONNX, STATIC  # type: ignore[attr-defined]
    study_of.joint_run = joint_run  # type: ignore[attr-defined]
    return study_of
