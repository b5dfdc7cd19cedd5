"""The process that carries out steps survives what happens there."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from thimble.core.errors import BadInput, NotApplicable, StepFailed, UnknownName
from thimble.core.task import ModelSpec, TaskSpec
from thimble.engine.process import StepsProcess
from thimble.engine.requests import Request
from thimble.engine.store import Store

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"


def request(store: Path, key: str, **fields: object) -> Request:
    return Request(
        str(store), key, ModelSpec(TINY, classes=10, size=16, shapes={"input": (1, 3, 16, 16)}), TaskSpec("digits", 16), **fields
    )  # type: ignore[arg-type]


def test_steps_errors_crashes_and_deadlines(tmp_path: Path) -> None:
    Store(tmp_path)
    with StepsProcess() as process:
        process.ask(request(tmp_path, "source"))
        told = process.ask(request(tmp_path, "pruned", step="prune_channels", settings={"ratio": 0.5}, parent="source"))
        assert 0 < told["parameters"] < 3000
        assert told["macs"] > 0

        with pytest.raises(UnknownName, match="no_such_step"):
            process.ask(request(tmp_path, "unknown", step="no_such_step", parent="source"))
        with pytest.raises(NotApplicable, match="source model as its teacher"):
            process.ask(request(tmp_path, "inapplicable", step="finetune", settings={"taught": 1.0, "epochs": 1}, parent="pruned"))

        seen: list[str] = []
        victim = process.pid()
        assert victim
        threading.Timer(1.0, lambda: os.kill(victim, signal.SIGSEGV)).start()
        with pytest.raises(StepFailed, match="killed by SIGSEGV"):
            process.ask(
                request(tmp_path, "long", step="train", settings={"epochs": 500}, parent="source"), lambda done, words: seen.append(words)
            )
        assert any("sample " in words and "loss" in words for words in seen)

        begun = time.monotonic()
        with pytest.raises(StepFailed, match="time budget"):
            process.ask(request(tmp_path, "late", step="train", settings={"epochs": 500}, parent="source"), deadline=begun + 5)
        assert time.monotonic() - begun < 20

        process.ask(request(tmp_path, "after", step="prune_weights", settings={"ratio": 0.5}, parent="source"))
        assert Store(tmp_path).has("after")


def test_a_model_that_cannot_be_opened_is_the_users_error(tmp_path: Path) -> None:
    with StepsProcess() as process, pytest.raises(BadInput):
        process.ask(Request(str(tmp_path), "source", ModelSpec("torchvision:resnet81"), TaskSpec("digits", 16)))


PEEK = """
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Peek:
    split: str = "test"
    consumes: ClassVar[str] = "torch"
    produces: ClassVar[str] = "torch"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple] = ()
    uses: ClassVar[tuple] = ()
    needs: ClassVar[tuple] = ()
    extra: ClassVar[None] = None

    def apply(self, model, context):
        next(iter(context.task.split(self.split).batches(8)))
        return model
"""


def test_no_step_can_read_the_test_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's step that asks for it gets an error; other splits it may read."""
    place, store = tmp_path / "installed", tmp_path / "store"
    (place / "peek-1.dist-info").mkdir(parents=True)
    (place / "peek.py").write_text(PEEK)
    (place / "peek-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: peek\nVersion: 1\n")
    (place / "peek-1.dist-info" / "entry_points.txt").write_text("[thimble.steps]\npeek = peek:Peek\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])]))
    Store(store)
    with StepsProcess() as process:
        process.ask(request(store, "source"))
        for split in ("train", "calibration", "validation"):
            process.ask(request(store, split, step="peek", settings={"split": split}, parent="source"))
        with pytest.raises(BadInput, match="asked for the test split"):
            process.ask(request(store, "test", step="peek", parent="source"))
