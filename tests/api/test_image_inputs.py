"""Image folders feed any image network: what it takes is read from the model, and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from thimble.api.fit import Fit
from thimble.api.resolve import matched
from thimble.core.errors import BadInput
from thimble.core.task import ModelSpec, TaskSpec, one_sample
from thimble.data import open_task
from thimble.models import declared_inputs, open_model

NETS = """
from torch import nn
import torch

def grey():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

class Last(nn.Module):
    inputs = {"x": ((1, 12, 20, 3), "uint8")}

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(x.float().mean((1, 2)) / 255)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(12):
            Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(tmp_path / "photos" / label / f"{i}.png")
    (tmp_path / "net.py").write_text(NETS)
    return tmp_path


@pytest.mark.parametrize(
    ("network", "shape", "dtype", "told"),
    [
        ("grey", (1, 1, 16, 16), "float32", "one channel (grey)"),
        ("Last", (1, 12, 20, 3), "uint8", "channels last (NHWC), pixels of 8 bits"),
    ],
)
def test_networks_get_the_images_that_they_take(place: Path, network: str, shape: tuple[int, ...], dtype: str, told: str) -> None:
    asked = Fit(f"{place / 'net.py'}:{network}", f"imagefolder:{place / 'photos'}", size=16 if network == "grey" else None)
    found = matched(asked, asked.data)
    sample = one_sample(found.task)["input"]
    assert (sample.shape, str(sample.dtype)) == (shape, dtype)
    assert any(told in note for note in found.task.notes)
    assert open_model(found.model, place / "files").notes["output_shapes"] == {"output": [None, 2]}


def test_an_onnx_file_tells_too(place: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()
    torch.onnx.export(network, (torch.zeros(1, 1, 10, 14),), str(place / "net.onnx"), dynamo=False)
    takes = declared_inputs(ModelSpec(str(place / "net.onnx")))
    task = open_task(TaskSpec(f"imagefolder:{place / 'photos'}", takes=takes))
    assert one_sample(task)["input"].shape == (1, 1, 10, 14)


def test_orders_and_scales_are_said_and_checked(place: Path) -> None:
    spec = TaskSpec(f"imagefolder:{place / 'photos'}", 8, channels="bgr", scale=255)
    plain = TaskSpec(f"imagefolder:{place / 'photos'}", 8, mean=(0, 0, 0), std=(1, 1, 1))
    task = open_task(spec)
    ours, theirs = (one_sample(open_task(one))["input"] for one in (spec, plain))
    np.testing.assert_allclose(ours[:, ::-1] / 255, theirs, atol=1e-6)
    assert "images are read with the channels in the order blue, green, red" in task.notes
    assert "pixels are scaled to 0 to 255 before mean and standard deviation" in task.notes
    for wrong, said in (
        ({"channels": "gbr"}, "--channels must be rgb, bgr or grey, not 'gbr'"),
        ({"scale": 0.0}, "--scale must be above 0"),
    ):
        with pytest.raises(BadInput, match=said):
            open_task(TaskSpec(f"imagefolder:{place / 'photos'}", 8, **wrong))
