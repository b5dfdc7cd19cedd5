"""Files that a runtime opens are a fit's baseline: measured as they are, with a note on what can be done with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from thimble.api.apply import Apply, apply
from thimble.api.fit import Fit, fit, plan
from thimble.core.errors import BadInput
from thimble.core.study import Limits
from thimble.engine.store import Store


@pytest.fixture
def scripted(tmp_path: Path) -> str:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(392, 10)).eval()
    torch.jit.save(torch.jit.trace(network, torch.zeros(1, 3, 16, 16)), str(tmp_path / "net.pt"))
    return str(tmp_path / "net.pt")


def test_such_a_file_is_measured_as_the_only_candidate(scripted: str, tmp_path: Path) -> None:
    told: list[str] = []
    options = Fit(scripted, "digits", Limits(max_size=5.0), size=16, threads=1, budget=60.0)
    study = fit(options, tmp_path / "out", lambda event: told.append(event.finished), Store(tmp_path / "store"))
    assert [(c.name, c.runtime, c.status) for c in study.candidates] == [("baseline", "pytorch", "ok")]
    assert study.chosen == "baseline"
    said = "is a TorchScript archive, whose operators are fixed: no technique changes it. Give the PyTorch code"
    assert any(said in line for line in told)
    assert any(said in note for note in study.task.notes)


def test_techniques_and_students_are_refused_with_what_to_give_instead(scripted: str, tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"net\.pt is a TorchScript archive.*Give the PyTorch code.*measure, doctor and fit take it as it is"
    ):
        apply(Apply("onnx_quantize_static()", scripted, "digits", size=16), tmp_path / "out")
    with pytest.raises(BadInput, match=r"--student torchvision:resnet18 can't learn from the file .*net\.pt: give the network itself"):
        plan(Fit(scripted, "digits", student="torchvision:resnet18", size=16))
