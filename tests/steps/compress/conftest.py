"""A context for steps that needs nothing but digits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.task import TaskSpec
from thimble.core.values import TensorSpec
from thimble.data import open_task

TINY = Path(__file__).parents[2] / "tiny.py"


def tiny_model() -> Model:
    spec = importlib.util.spec_from_file_location("tiny_network", TINY)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Model("torch", module.network(), (TensorSpec("x", (None, 3, 16, 16)),), ("output",))


@pytest.fixture
def tiny() -> Model:
    return tiny_model()


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "output").mkdir()
    return Context(
        task=open_task(TaskSpec("digits", 16)),
        teacher=tiny_model(),
        output=tmp_path / "output",
        scratch=tmp_path / "scratch",
        open_model=lambda spec: tiny_model(),
        threads=1,
    )
