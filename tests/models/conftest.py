"""No test here uses the network: whatever tries to is refused at once. The cache is each test's own."""

import sys
import urllib.request
from pathlib import Path

import pytest

CODE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.head = nn.Linear(4, classes)

    def forward(self, image):
        return self.head(self.features(image).mean((2, 3)))


def net():
    return Net()
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies it first saw, for every later test of this process
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("THIMBLE_STORE", str(home / "store"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    monkeypatch.setenv("HF_HOME", str(home / "hub"))


@pytest.fixture
def net_file(tmp_path: Path) -> Path:
    """A Python file with a small network; its module is forgotten afterwards."""
    path = tmp_path / "nets.py"
    path.write_text(CODE)
    before, folders = set(sys.modules), list(sys.path)
    yield path
    sys.path[:] = folders
    for name in set(sys.modules) - before:
        if name.startswith("thimble_user_"):
            del sys.modules[name]
