from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.core.registry import METRICS
from thimble.core.task import Metric, TaskSpec
from thimble.data import open_task

OWN = """
def near(outputs, targets):
    return abs(outputs["y"][:, 0] - targets) <= 2

near.unit, near.binary = "%", True

def loss(outputs, targets):
    return (outputs["y"][:, 0] - targets) ** 2

loss.higher_is_better = False

def short(outputs, targets):
    return [1.0]

def broken(outputs, targets):
    return outputs["z"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "own.py"


def test_a_function_is_a_metric(file: Path) -> None:
    near, loss = (METRICS.get(f"{file}:{name}")() for name in ("near", "loss"))
    assert isinstance(near, Metric)
    assert (near.unit, near.binary, near.higher_is_better) == ("%", True, True)
    assert (loss.unit, loss.binary, loss.higher_is_better) == ("", False, False)
    outputs, targets = {"y": np.array([[1.0], [5.0]])}, np.array([2, 1])
    assert near.score(outputs, targets).tolist() == [1, 0]
    assert loss.aggregate(loss.score(outputs, targets)) == 8.5
    assert type(near) is METRICS.get(f"{file}:near")


@pytest.mark.parametrize(("name", "said"), [("short", "one finite number"), ("broken", "failed"), ("absent", "no function")])
def test_what_is_no_metric_is_said(name: str, said: str, file: Path) -> None:
    with pytest.raises(BadInput, match=said):
        METRICS.get(f"{file}:{name}")().score({"y": np.zeros((2, 1))}, np.zeros(2))


def test_the_wish_decides(file: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(90, 4)), y=np.arange(90) % 3)
    for wish in ("f1", f"{file}:near"):
        task = open_task(TaskSpec(f"npz:{tmp_path / 'a.npz'}", metric=wish))
        assert task.metric == wish
        assert any(wish in note for note in task.notes)
