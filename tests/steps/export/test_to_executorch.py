"""Networks become programs of ExecuTorch: the same answers, what XNNPACK takes counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.engine.opening import check_answers, check_opens
from thimble.models import look_through
from thimble.models.executorch import Executorch as Source
from thimble.runtimes.executorch import Executorch
from thimble.steps.compress.executorch_quantize_static import ExecutorchQuantizeStatic
from thimble.steps.export.to_executorch import ToExecutorch

pytest.importorskip("executorch")


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_answers_are_pytorchs_and_the_delegates_are_counted(tiny: Model, context: Context) -> None:
    made = ToExecutorch().apply(tiny, context)
    assert [path.name for path in made.folder.iterdir()] == ["model.pte"]
    assert made.notes["delegated"] > 8
    assert list(made.notes["portable"]) == ["aten.mean.dim"]
    check_opens(made, context.task, 1, "it")
    assert check_answers(made, tiny, ToExecutorch(), context.task, 1).notes["agreement_db"] > 100


def test_the_door_lets_it_through_and_finds_its_ends(tiny: Model, context: Context) -> None:
    from thimble.formats.executorch import ends

    made = ToExecutorch().apply(tiny, context)
    look_through(made.folder / "model.pte", "executorch")
    found = ends(made.folder / "model.pte")
    assert [(one.shape, one.dtype) for one in found.inputs] == [((None, 3, 16, 16), "float32")]
    assert found.outputs == ("output",)
    assert Source.extra == Executorch.extra


def test_int8_is_smaller_and_close(tiny: Model, context: Context) -> None:
    (whole := context.output / "whole").mkdir()
    (small := context.output / "small").mkdir()
    first = ToExecutorch().apply(tiny, replace(context, output=whole))
    made = ExecutorchQuantizeStatic(samples=40).apply(tiny, replace(context, output=small))
    assert made.notes["calibration_samples"] >= 40
    assert made.notes["delegated"] > first.notes["delegated"]
    assert (small / "model.pte").stat().st_size < 0.6 * (whole / "model.pte").stat().st_size
    assert 15 < check_answers(made, tiny, ExecutorchQuantizeStatic(), context.task, 1).notes["agreement_db"] < 80


def test_control_flow_is_not_applicable(context: Context) -> None:
    model = Model("torch", Branching().eval(), (TensorSpec("x", (None, 4)),), ("output",))
    with pytest.raises(NotApplicable, match="can't trace"):
        ToExecutorch().apply(model, context)


def test_threads_are_those_asked_for_and_options_are_refused(tiny: Model, context: Context) -> None:
    from executorch.extension.pybindings import portable_lib

    path = str(ToExecutorch().apply(tiny, context).folder / "model.pte")
    for threads in (2, 1):
        session = Executorch().open(path, ["x"], ["output"], threads, {})
        assert portable_lib._threadpool_get_thread_count() == threads
        assert session.run({"x": np.zeros((3, 3, 16, 16), np.float32)})["output"].shape == (3, 10)
    with pytest.raises(ValueError, match="no session options, got fast"):
        Executorch().open(path, ["x"], ["output"], 1, {"fast": "1"})
    with pytest.raises(ValueError, match="1 inputs and 1 outputs"):
        Executorch().open(path, ["x", "y"], ["output"], 1, {})
