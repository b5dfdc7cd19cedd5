"""A fit that trains here and decides by a device's figures, over a real OpenSSH server."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from thimble import Fit, fit, read_study
from thimble.api.fit import plan
from thimble.core.errors import BadInput, ThimbleError, UnknownName
from thimble.core.study import Environment, Limits
from thimble.devices.kinds.ssh import close_connections
from thimble.engine.store import Store
from thimble.search.candidates import Situation, prospects

sys.path.append(str(Path(__file__).parent))
from server import USABLE, WHY, Server

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"
ASKED = Fit(TINY, "digits", Limits(max_drop=60.0), size=16, threads=1)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "ssh").mkdir()
    server = Server(tmp_path / "ssh")
    monkeypatch.setenv("PATH", f"{server.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield server
    close_connections()
    server.close()


@pytest.mark.skipif(not USABLE, reason=WHY)
def test_what_is_decided_is_decided_by_the_devices_figures(board: Server, tmp_path: Path) -> None:
    made = fit(replace(ASKED, on=board.address, budget=100.0), tmp_path / "out", store=Store(tmp_path / "store"))
    study = read_study(tmp_path / "out")
    assert study.complete
    assert study.device == made.device == board.address
    assert study.chosen
    ready = [c for c in study.candidates if c.ok]
    assert len(ready) >= 3
    assert all(c.cold and c.quality for c in ready)
    assert study.run(study.joint_run or "").environment.versions["onnxruntime"]
    close_connections()
    until = time.monotonic() + 10
    while board.left() and time.monotonic() < until:
        time.sleep(0.1)
    assert not board.left(), "nothing stays on the device"


def test_the_baseline_is_what_the_device_can_run() -> None:
    usual = prospects(Situation("torch", 800, installed=lambda module: False))
    there = prospects(Situation("torch", 800, installed=lambda module: False, runtimes=frozenset({"onnxruntime"})))
    assert (usual[0].runtime, usual[0].text) == ("pytorch", "as given")
    assert (there[0].name, there[0].runtime, there[0].text) == ("baseline", "onnxruntime", "to_onnx()")
    assert {one.runtime for one in there} == {"onnxruntime"}
    assert not [one for one in there[1:] if one.text == "to_onnx()"]
    with pytest.raises(BadInput, match="has none of the runtimes that could run this model; it has ncnn"):
        prospects(Situation("torch", 800, installed=lambda module: False, runtimes=frozenset({"ncnn"})))
    file = prospects(Situation("onnx", installed=lambda module: False, runtimes=frozenset({"onnxruntime"})))
    assert file[0].text == "as given"


def test_types_of_quantization_are_those_of_the_devices_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"onnxruntime": "1.32.0", "numpy": "2.0.0"}
    there = Environment("pi", "Cortex-A72", ("neon",), 4, 4000, "Linux aarch64", "3.11", "none", versions)
    monkeypatch.setattr("thimble.devices.environment_of", lambda distributions, name: there)
    monkeypatch.setattr("thimble.devices.machine_of", lambda name: type("Machine", (), {"cores": lambda self: 4})())
    asked = plan(replace(ASKED, on="ssh://pi", threads=None))
    assert asked.device == "ssh://pi"
    assert asked.threads == 4
    assert asked.recipes[0].text == "to_onnx()"
    assert not [one for one in asked.recipes if "bf16" in one.name or one.runtime == "pytorch"]


@pytest.mark.parametrize(("device", "error"), [("nowhere", UnknownName), ("ssh://", BadInput), ("ssh://127.0.0.1:1", ThimbleError)])
def test_a_device_that_is_not_there_is_one_line_before_the_work(device: str, error: type[ThimbleError], tmp_path: Path) -> None:
    with pytest.raises(error):
        fit(replace(ASKED, on=device), tmp_path / "out")
    assert not (tmp_path / "out" / "study.json").exists()
