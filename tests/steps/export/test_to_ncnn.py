"""Networks become ncnn's files, with their names and answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model, example_inputs, named_outputs
from thimble.core.settings import check_settings
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.engine.opening import check_answers
from thimble.runtimes.ncnn import Ncnn
from thimble.steps.export.to_ncnn import ToNcnn
from thimble.steps.export.to_onnx import ToOnnx

pnnx = pytest.importorskip("pnnx")
pytest.importorskip("ncnn")


class Several(nn.Module):
    """Two inputs; two outputs, the second one ready first."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 3), nn.Linear(5, 3), nn.Linear(3, 5)

    def forward(self, values: torch.Tensor, more: torch.Tensor) -> dict[str, torch.Tensor]:
        mixed = self.a(values) + self.b(more) * 2
        return {"logits": self.c(mixed), "early": mixed}


class Attending(nn.Module):
    """One small transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x)[:, 0])


def several() -> Model:
    torch.manual_seed(0)
    inputs = (TensorSpec("values", (None, 4)), TensorSpec("more", (None, 5)))
    return Model("torch", Several().eval(), inputs, ("logits", "early"))


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (folder for name in "abcdef" if not (folder := tmp_path / name).mkdir())


def converted(step: ToNcnn, model: Model, context: Context, folders: Iterator[Path]) -> Model:
    exported = ToOnnx().apply(model, replace(context, output=next(folders)))
    return step.apply(exported, replace(context, output=next(folders)))


def test_answers_are_pytorchs(tiny: Model, context: Context, folders: Iterator[Path]) -> None:
    made = converted(ToNcnn(), tiny, context, folders)
    assert sorted(path.name for path in made.folder.iterdir()) == ["model.bin", "model.param"]
    assert check_answers(made, tiny, ToNcnn(), context.task, 1).notes["agreement_db"] > 90


def test_half_the_bytes_and_the_same_answers(tiny: Model, context: Context, folders: Iterator[Path]) -> None:
    whole, half = (converted(step, tiny, context, folders) for step in (ToNcnn(), ToNcnn("float16")))
    sizes = [(made.folder / "model.bin").stat().st_size for made in (whole, half)]
    assert 0.45 < sizes[1] / sizes[0] < 0.55
    assert 50 < check_answers(half, tiny, ToNcnn("float16"), context.task, 1).notes["agreement_db"] < 90


def test_several_inputs_and_outputs_keep_their_names(context: Context, folders: Iterator[Path]) -> None:
    model = several()
    made = converted(ToNcnn(), model, replace(context, task=None), folders)
    session = Ncnn().open(str(made.folder / "model.param"), ["more", "values"], ["early", "logits"], 1, {})
    example = example_inputs(model, 3)
    answer = session.run({"more": example[1].numpy(), "values": example[0].numpy()})
    with torch.no_grad():
        wanted = named_outputs(model.payload(*example))
    for name, array in answer.items():
        np.testing.assert_allclose(array, wanted[name].numpy(), rtol=1e-4, atol=1e-4)


def test_a_transformer_layer(context: Context, folders: Iterator[Path]) -> None:
    torch.manual_seed(0)
    model = Model("torch", Attending().eval(), (TensorSpec("x", (None, 8, 16)),), ("output",))
    made = converted(ToNcnn(), model, replace(context, task=None), folders)
    assert check_answers(made, model, ToNcnn(), None, 1).notes["agreement_db"] > 60


def test_a_type_that_pnnx_does_not_take_is_told(context: Context, tmp_path: Path) -> None:
    model = Model("onnx", tmp_path, (TensorSpec("x", (None, 4), "bool"),), ("y",))
    with pytest.raises(NotApplicable, match="no input of the type bool, which x has"):
        ToNcnn().apply(model, context)


def test_operators_that_ncnn_lacks_are_named(context: Context, folders: Iterator[Path]) -> None:
    network = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 2)).eval()
    with pytest.raises(NotApplicable, match="ncnn has no operator for Gather"):
        converted(
            ToNcnn(), Model("torch", network, (TensorSpec("x", (None, 5), "int64"),), ("output",)), replace(context, task=None), folders
        )


def test_pnnx_crashing_is_a_failed_step(
    tiny: Model, context: Context, folders: Iterator[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = tmp_path / "crashing"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(pnnx, "EXEC_PATH", str(crashing))
    with pytest.raises(StepFailed, match="pnnx was killed by SIGSEGV"):
        converted(ToNcnn(), tiny, context, folders)


def test_settings_are_checked() -> None:
    with pytest.raises(Exception, match="weights must be one of float32, float16"):
        check_settings("to_ncnn", ToNcnn, {"weights": "int8"})
