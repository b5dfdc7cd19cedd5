from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.registry import PROBES
from thimble.core.study import Round, Run
from thimble.core.values import TensorSpec
from thimble.devices.environment import environment
from thimble.measure.probes import energy
from thimble.measure.probes.energy import Energy, packages
from thimble.measure.probes.operators import Operators
from thimble.measure.probes.subnormals import Subnormals
from thimble.measure.sustained import first_and_last, measure_sustained
from thimble.measure.throughput import measure_throughput


@pytest.mark.parametrize("name", PROBES.names())
def test_every_probe_observes_or_says_why_not(name: str, onnx_subject: Any, image: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    monkeypatch.setattr(energy, "IDLE_S", 0.1)
    monkeypatch.setattr(energy, "BUSY_S", 0.1)
    probe = PROBES.get(name)
    assert probe.title
    assert isinstance(probe.slow, bool)
    found = probe().observe(onnx_subject, image)
    assert found
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


def test_a_probe_is_one_dropped_in_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, onnx_subject: Any, image: Any) -> None:
    import thimble.measure.probes

    lines = (
        "class Counting:",
        "    title, slow = 'counting', False",
        "    def observe(self, subject, inputs):",
        "        return {'n': len(inputs)}",
    )
    (tmp_path / "counting.py").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(thimble.measure.probes, "__path__", [*thimble.measure.probes.__path__, str(tmp_path)])
    monkeypatch.delitem(PROBES.__dict__, "_modules", raising=False)
    assert "counting" in PROBES.names()
    assert PROBES.get("counting")().observe(onnx_subject, image) == {"n": 1}
    monkeypatch.delitem(PROBES.__dict__, "_modules", raising=False)


@pytest.mark.parametrize(("name", "kind"), [("onnx", "Conv"), ("torchscript", "aten::addmm")])
def test_operators_are_named_by_the_runtime(name: str, kind: str, image: Any, request: pytest.FixtureRequest) -> None:
    found = Operators().observe(request.getfixturevalue(f"{name}_subject"), image)["ms"]
    assert kind in found
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert all(ms > 0 for ms in found.values())


def test_a_runtime_without_a_profiler_says_so(scripted: Any, image: Any) -> None:
    assert Operators().observe(scripted(), image) == {"not available": "Scripted has no profiler that is used here"}


@pytest.mark.parametrize("name", ["onnx", "torchscript", "pt2"])
def test_subnormal_activations_are_counted(name: str, image: Any, request: pytest.FixtureRequest) -> None:
    subject = request.getfixturevalue(f"{name}_subject")
    usual = Subnormals().observe(subject, image)
    assert usual["weights"] == usual["activations"] == 0
    tiny = {"image": np.full((1, 3, 8, 8), 1e-40, np.float32)}
    if name == "onnx":  # the bias hides what comes out of the convolution; an operator before it would show
        assert Subnormals().observe(subject, tiny)["activations"] == 0


def test_subnormals_inside_a_network_are_seen(tmp_path: Path, torchscript_subject: Any, image: Any) -> None:
    import torch

    class Shrinking(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return (x * 1e-20) * 1e-20 + 1

    torch.jit.trace(Shrinking(), torch.ones(1, 3, 8, 8)).save(str(tmp_path / "model.pt"))
    found = Subnormals().observe(replace(torchscript_subject, folder=tmp_path), {"image": np.ones((1, 3, 8, 8), np.float32)})
    assert found["activations"] == 192
    assert found["activations_share"] == pytest.approx(1 / 3)


def test_advice_is_tried_beside_the_artifact_and_its_file_stays(tmp_path: Path, onnx_subject: Any, image: Any) -> None:
    import onnx
    from onnx import numpy_helper

    from thimble.measure.probes.remedies import FLUSHED, Remedies

    model = onnx.load(str(onnx_subject.folder / onnx_subject.artifact.main))
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if values.ndim == 4:
            values.flat[::2] = 1e-40
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, str(tmp_path / onnx_subject.artifact.main))
    before = (tmp_path / onnx_subject.artifact.main).read_bytes()
    subject = replace(onnx_subject, folder=tmp_path)
    tried = Remedies().observe(subject, image)["tried"]
    assert set(tried) == {FLUSHED, "graph_optimization_level=extended", "graph_optimization_level=basic"}
    assert all(gain["low"] <= gain["value"] <= gain["high"] for gain in tried.values())
    assert (tmp_path / onnx_subject.artifact.main).read_bytes() == before
    assert FLUSHED not in Remedies().observe(onnx_subject, image)["tried"], "it has none"
    assert "not available" in Remedies().observe(replace(onnx_subject, runtime="openvino"), image)


class Counter:
    """A package's counter as the system shows it."""

    def __init__(self, folder: Path, name: str, uj: int, wraps: int = 10_000_000) -> None:
        folder.mkdir(parents=True)
        (folder / "name").write_text(name + "\n")
        (folder / "energy_uj").write_text(f"{uj}\n")
        (folder / "max_energy_range_uj").write_text(f"{wraps - 1}\n")
        self.file = folder / "energy_uj"


def test_energy_is_read_from_all_packages_and_over_the_wrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    one = Counter(tmp_path / "intel-rapl:0", "package-0", 9_000_000)
    Counter(tmp_path / "intel-rapl:0:0", "core", 5)
    Counter(tmp_path / "intel-rapl:1", "package-1", 1_000)
    found = packages()
    assert not isinstance(found, str)
    assert len(found) == 2
    joules, _ = energy._spent(found, lambda: one.file.write_text("500000\n"))
    assert joules == pytest.approx(1.5)


def test_energy_that_can_not_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, onnx_subject: Any, image: Any) -> None:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    assert "shows no energy counters" in Energy().observe(onnx_subject, image)["not available"]
    Counter(tmp_path / "intel-rapl:0", "package-0", 1)

    def forbidden(self: Any) -> int:
        raise PermissionError

    monkeypatch.setattr(energy.Package, "read_uj", forbidden)
    assert "sudo chmod a+r" in Energy().observe(onnx_subject, image)["not available"]


def test_energy_per_inference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted: Any, image: Any) -> None:
    """A counter that goes up by 2 J each time it is read: 2 J idle, 2 J busy."""
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    monkeypatch.setattr(energy, "IDLE_S", 0.05)
    monkeypatch.setattr(energy, "BUSY_S", 0.05)
    Counter(tmp_path / "intel-rapl:0", "package-0", 0, wraps=10**12)
    reads = iter(range(0, 10**9, 2_000_000))
    monkeypatch.setattr(energy.Package, "read_uj", lambda self: next(reads))
    found = Energy().observe(scripted(ms=1.0), image)
    assert found["joules"] * found["inferences"] == pytest.approx(2)
    assert found["watts"] > 0
    assert 0 <= found["joules_above_idle"] < found["joules"]


def test_throughput_by_batch_size(onnx_subject: Any, image: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from thimble.measure import throughput

    monkeypatch.setattr(throughput, "SECONDS", 0.05)
    found = measure_throughput(onnx_subject, image, (4, 1))
    assert list(found) == ["1", "4"]
    assert min(found.values()) > 0
    fixed = replace(onnx_subject, artifact=replace(onnx_subject.artifact, inputs=(TensorSpec("image", (2, 3, 8, 8)),)))
    assert list(measure_throughput(fixed, image)) == ["2"]


def test_sizes_that_fail_end_the_list(scripted: Any, image: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from thimble.measure import throughput

    monkeypatch.setattr(throughput, "SECONDS", 0.02)
    found = measure_throughput(scripted(ms=1.0, do="crash", after=60), image, (1, 2, 4, 8, 16, 32, 64, 128))
    assert 0 < len(found) < 8


def test_a_run_without_a_pause(scripted: Any, image: Any) -> None:
    run = measure_sustained(scripted("a", ms=2.0), image, 2.0)
    assert run.members == ("a",)
    assert len(run.rounds) >= 2
    assert all(len(turn.samples_ms["a"]) <= 2 * 40 for turn in run.rounds)
    assert run.rounds[-1].at_s < 30


def test_the_first_minute_against_the_last() -> None:
    rounds = tuple(Round(("a",), {"a": (1.0 if at < 100 else 1.5,)}, float(at)) for at in range(300))
    run = Run("r", ("a",), "a", 0, 1, 1, rounds, environment())
    found = first_and_last(run, "a")
    assert (found.first_ms, found.last_ms, found.span_s) == (1.0, 1.5, 60.0)
    assert found.change == pytest.approx(0.5)
    assert first_and_last(replace(run, rounds=rounds[:10]), "a").span_s == 3.0
