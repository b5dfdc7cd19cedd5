from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thimble.api.measure import Measure, _sample
from thimble.api.subjects import Opening, open_subjects

NETWORK = """
from torch import nn

def net():
    return nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
"""


@pytest.mark.usefixtures("private_store")
def test_a_network_that_says_nothing_takes_what_the_data_give(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).normal(size=(90, 20)).astype(np.float32), y=np.arange(90) % 2)
    specs = [f"{tmp_path / 'net.py'}:net"]
    sample = _sample(specs, Measure(data=f"npz:{tmp_path / 'rows.npz'}"))
    (subject,) = open_subjects(specs, Opening(sample=sample), tmp_path / "out")
    assert [one.shape for one in subject.artifact.inputs] == [(None, 20)]
    assert _sample(["net.onnx"], Measure(data="npz:absent.npz")) is None
    assert _sample(specs, Measure()) is None
