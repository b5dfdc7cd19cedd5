"""Addresses of steps' results: whatever changes a result changes its address, and nothing of the test split is in one."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thimble.core.task import ModelSpec
from thimble.engine.keys import Source, source_key, step_key, teacher_key, trail_key
from thimble.steps.compress.distill import Distill
from thimble.steps.compress.finetune import Finetune
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.compress.prune_channels import PruneChannels
from thimble.steps.compress.train import Train

FACTS = {"train": "a", "calibration": "b", "validation": "c"}
SOURCE = Source(ModelSpec("net.py:net"), None, "print", FACTS, ("avx2",), seed=1, threads=2)


def key(step: Any, parent: str = "parent", teacher: str = "teacher", **changes: Any) -> str:
    return step_key(replace(SOURCE, **changes), parent, step, teacher)


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "other"},
        *({"model": replace(SOURCE.model, **field)} for field in ({"classes": 3}, {"size": 32}, {"seed": 5}, {"shapes": {"x": (1, 4)}})),
    ],
    ids=["source", "classes", "size", "seed", "shapes"],
)
def test_what_changes_the_model_changes_its_address(changes: dict[str, Any]) -> None:
    assert source_key(replace(SOURCE, **changes)) != source_key(SOURCE)


@pytest.mark.parametrize(
    ("step", "changes"),
    [
        (OnnxQuantizeStatic(), {"features": ("avx2", "avx512_vnni")}),
        (OnnxQuantizeStatic(), {"facts": {**FACTS, "calibration": "other"}}),
        (OnnxQuantizeStatic(), {"seed": 2}),
        (OnnxQuantizeStatic(), {"parent": "other"}),
        (Finetune(2), {"facts": {**FACTS, "train": "other"}}),
        (Finetune(2), {"threads": 1}),
        (Finetune(2), {"teacher": "other"}),
    ],
    ids=["processor", "calibration", "seed", "parent", "train", "threads", "teacher"],
)
def test_what_a_step_uses_is_in_its_address(step: Any, changes: dict[str, Any]) -> None:
    assert key(step, **changes) != key(step)


def test_what_a_step_does_not_use_is_not() -> None:
    assert key(Finetune(2), features=("sve",)) == key(Finetune(2))
    assert key(OnnxQuantizeStatic(), threads=1) == key(OnnxQuantizeStatic())
    assert key(Finetune(2), facts={**FACTS, "test": "other"}) == key(Finetune(2))


def test_each_setting_and_the_version_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(Finetune(2))
    assert key(Finetune(3)) != before
    monkeypatch.setattr(Finetune, "version", Finetune.version + 1)
    assert key(Finetune(2)) != before


def test_versions_of_the_libraries_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(OnnxQuantizeStatic())
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0")
    assert key(OnnxQuantizeStatic()) != before


def test_a_students_own_source_is(tmp_path: Path) -> None:
    file = tmp_path / "student.py"
    file.write_text("from torch import nn\n\n\ndef small():\n    return nn.Linear(2, 2)\n")
    step = Distill(f"{file}:small")
    before = key(step)
    assert key(step) == before
    file.write_text("from torch import nn\n\n\ndef small():\n    return nn.Linear(3, 2)\n")
    assert key(step) != before


def test_the_teacher_is_the_source_with_its_training() -> None:
    assert teacher_key(SOURCE) == source_key(SOURCE)
    assert teacher_key(replace(SOURCE, prefix=(Train(1),))) != teacher_key(replace(SOURCE, prefix=(Train(2),)))


def test_trainings_that_differ_in_their_length_only_share_a_trail() -> None:
    def trail(step: Any) -> str | None:
        return trail_key(SOURCE, "parent", step, "teacher")

    assert trail(Finetune(2)) == trail(Finetune(5)) == trail(Finetune(samples=100))
    assert trail(Finetune(2)) != trail(Finetune(2, learning_rate=1e-4))
    assert trail(Finetune(2)) != trail_key(replace(SOURCE, seed=5), "parent", Finetune(2), "teacher")
    assert trail(PruneChannels(0.5)) is None
