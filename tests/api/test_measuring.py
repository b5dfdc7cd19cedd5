from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.api.measure import Measure, compare, measure
from thimble.core.artifact import Artifact, write_manifest
from thimble.core.errors import BadInput, UnknownName
from thimble.core.sampling import Sampling
from thimble.core.study import read_study
from thimble.core.values import File, TensorSpec
from thimble.devices import lock

SHORT = Sampling(rounds=15)


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "lock_path", lambda: tmp_path / "lock")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX files that take 8 x 8 images in three channels: ``small.onnx`` and, with a hundred times the work, ``large.onnx``."""
    folder = tmp_path_factory.mktemp("files")
    network(folder / "small.onnx", 8)
    network(folder / "large.onnx", 128)
    network(folder / "open.onnx", 8, side="s")
    return folder


def network(path: Path, width: int, side: Any = 8) -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    generator = np.random.default_rng(0)
    weights = {"conv": (width, 3, 3, 3), "conv2": (width, width, 3, 3), "linear": (10, width)}
    nodes = [
        helper.make_node("Conv", ["image", "conv"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c", "conv2"], ["d"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["d"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "linear"], ["output"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "n",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(generator.normal(0, 0.1, shape).astype(np.float32), name) for name, shape in weights.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def test_artifacts_are_measured_together(files: Path, tmp_path: Path, private_store: Path) -> None:
    told: list[float] = []
    options = Measure(sampling=SHORT, threads=1, data="digits", throughput=True, probes=("energy",), sustained=1.0, out=tmp_path / "out")
    found = measure([str(files / "large.onnx"), str(files / "small.onnx")], options, lambda done, words: told.append(done))
    large, small = found.candidates
    assert (large.name, small.name) == ("large", "small")
    assert found.runs[0].members == ("large", "small")
    assert found.joint_run == found.runs[0].id
    assert [run.members for run in found.runs[1:]] == [("large",), ("small",)]
    assert small.size is not None
    assert small.size.macs == 64 * 8 * 27 + 64 * 8 * 72 + 80
    assert small.cold is not None
    assert small.cold.load_ms > 0
    assert len(small.quality["test"].scores) >= 600
    assert len(small.quality["test"].agreement) == len(small.quality["test"].scores)
    assert list(small.throughput) == ["1", "2", "4", "8", "16", "32"]
    assert "Conv" in small.operators_ms
    assert small.probes["subnormals"]["weights"] == 0
    assert "joules" in small.probes["energy"] or "not available" in small.probes["energy"]
    assert told == sorted(told)
    assert read_study(tmp_path / "out") == found
    assert (tmp_path / "out" / "sustained.png").stat().st_size > 5000


def test_the_verdict_on_two_artifacts(files: Path, private_store: Path) -> None:
    said = compare(str(files / "large.onnx"), str(files / "small.onnx"), Measure(sampling=SHORT, threads=1))
    assert said.verdict == "faster"
    assert said.ratio.low > 1
    assert "together" in said.how


def test_saved_measurements_are_compared_again(files: Path, tmp_path: Path, private_store: Path) -> None:
    options = Measure(sampling=SHORT, threads=1, out=tmp_path / "out")
    measure([str(files / "large.onnx"), str(files / "small.onnx")], options)
    place = str(tmp_path / "out")
    assert compare(f"{place}:large", f"{place}/study.json:small").verdict == "faster"
    assert compare(f"{place}:small", f"{place}:large").verdict == "slower"
    with pytest.raises(BadInput, match=r"several candidates: add one of :large, :small"):
        compare(place, f"{place}:small")
    with pytest.raises(BadInput, match="no candidate 'tiny'"):
        compare(f"{place}:tiny", f"{place}:small")
    with pytest.raises(BadInput, match="can't compare a saved measurement with an artifact"):
        compare(f"{place}:small", str(files / "small.onnx"))


def test_an_artifact_folder_is_opened_by_its_manifest(files: Path, tmp_path: Path) -> None:
    shutil.copy(files / "small.onnx", tmp_path / "model.onnx")
    inputs = (TensorSpec("image", (None, 3, 8, 8)),)
    write_manifest(Artifact("onnx", "model.onnx", (File.of(tmp_path / "model.onnx", tmp_path),), inputs, ("output",)), tmp_path)
    found = measure([str(tmp_path), str(tmp_path)], Measure(sampling=Sampling(rounds=2), threads=1))
    assert [c.name for c in found.candidates] == [tmp_path.name, f"{tmp_path.name}@onnxruntime"]
    assert found.candidates[0].runtime == "onnxruntime"


def test_a_models_file_is_exported_first(tiny_spec: str, private_store: Path) -> None:
    options = Measure(sampling=Sampling(rounds=2), threads=1, shapes={"x": (1, 3, 16, 16)})
    found = measure([tiny_spec, f"{tiny_spec}@onnxruntime"], options)
    assert [c.runtime for c in found.candidates] == ["pytorch", "onnxruntime"]
    assert [c.artifact.format for c in found.candidates if c.artifact] == ["pt2", "onnx"]
    sizes = [c.size for c in found.candidates]
    assert sizes[0] is not None
    assert sizes[1] is not None
    assert sizes[0].macs == sizes[1].macs


def test_a_network_in_training_mode_is_said(tmp_path: Path, private_store: Path) -> None:
    (tmp_path / "net.py").write_text("import torch\n\ndef network():\n    return torch.nn.Sequential(torch.nn.Linear(4, 2)).train()\n")
    study = measure([f"{tmp_path / 'net.py'}:network"], Measure(threads=1, sampling=SHORT, shapes={"x": (1, 4)}))
    said = [advice.text for advice in study.runs[0].warnings if advice.code == "training-mode"]
    assert said == [f"{tmp_path / 'net.py'}:network came in training mode and was put into evaluation mode"]


def test_an_exported_program_is_measured_as_it_is(tmp_path: Path, private_store: Path) -> None:
    import torch

    program = torch.export.export(torch.nn.Linear(4, 3).eval(), (torch.zeros(1, 4),))
    torch.export.save(program, tmp_path / "mine.pt2")
    found = measure([str(tmp_path / "mine.pt2")], Measure(sampling=Sampling(rounds=2), threads=1))
    artifact = found.candidates[0].artifact
    assert artifact is not None
    assert artifact.files[0].bytes == (tmp_path / "mine.pt2").stat().st_size
    assert found.candidates[0].size is not None
    assert found.candidates[0].size.parameters == 15


def test_open_shapes_have_to_be_given(files: Path, private_store: Path) -> None:
    path = str(files / "open.onnx")
    with pytest.raises(BadInput, match=r"--input-shape image=1,"):
        measure([path], Measure(sampling=Sampling(rounds=2)))
    found = measure([path], Measure(sampling=Sampling(rounds=2), threads=1, shapes={"image": (1, 3, 12, 12)}))
    assert found.candidates[0].size is not None
    assert found.candidates[0].size.macs == 144 * 8 * 27 + 144 * 8 * 72 + 80


@pytest.mark.parametrize(
    ("specs", "options", "error", "text"),
    [
        (["nothing"], {}, BadInput, "is not an artifact"),
        (["{files}"], {}, BadInput, r"no artifact\.json"),
        (["{files}/none.onnx"], {}, BadInput, r"none\.onnx"),
        (["{files}/small.onnx"], {"runtime": "pytorch"}, BadInput, "PyTorch opens pt2, torchscript"),
        (["{files}/small.onnx"], {"runtime": "onnxruntim"}, UnknownName, "did you mean 'onnxruntime'"),
        (["{files}/small.onnx"], {"probes": ("energi",)}, UnknownName, "did you mean 'energy'"),
        (["{files}/small.onnx"], {"data": "digit"}, UnknownName, "digits"),
        ([], {}, BadInput, "at least one"),
    ],
)
def test_bad_input_is_one_line(
    specs: list[str], options: dict[str, Any], error: type[BadInput], text: str, files: Path, private_store: Path
) -> None:
    with pytest.raises(error, match=text) as caught:
        measure([spec.format(files=files) for spec in specs], Measure(sampling=Sampling(rounds=1), **options))
    assert "\n" not in str(caught.value)


def test_the_command_line(files: Path, tmp_path: Path, private_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from thimble.cli import main

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(list(words))
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    large, small, out = str(files / "large.onnx"), str(files / "small.onnx"), str(tmp_path / "out")
    code, shown, _ = run("measure", large, small, "--threads", "1", "--out", out, "--energy")
    assert code == 0
    assert "latency p50 ms" in shown
    assert "needs" in shown or "p99" in shown
    assert "small: faster than large" in shown
    assert "on noise: SQNR dB" in shown
    code, shown, _ = run("measure", small, "--threads", "1", "--seconds", "0.2", "--json")
    assert code == 0
    assert json.loads(shown)["rows"][0]["name"] == "small"
    code, shown, _ = run("compare", f"{out}:large", f"{out}:small")
    assert (code, shown.startswith("small: faster than large")) == (0, True)
    code, _, said = run("compare", f"{out}:small", f"{out}:large", "--fail-on-regression")
    assert (code, "proven slower" in said) == (4, True)
    code, shown, _ = run("compare", out, out)
    assert (code, "Nothing is proven to have changed" in shown) == (0, True)
    for words in (["--precision", "200%"], ["--seconds", "soon"], ["--input-shape", "3,4"]):
        code, _, said = run("measure", small, *words)
        assert (code, words[1] in said) == (2, True)
    code, _, said = run("compare", small)
    assert (code, "two" in said) == (2, True)


def test_a_percentile_that_the_samples_do_not_allow_says_how_many_it_needs() -> None:
    from thimble.cli._figures import FIGURES
    from thimble.core.study import Candidate
    from thimble.core.summary import Interval, Row

    cells = dict(FIGURES)
    few, some = (Row("a", "", "", "r", "ok", latency_p50_ms=Interval(2.0, 1.0, 3.0), latency_samples=n) for n in (10, 11))
    candidate = Candidate("a", "", "r")
    assert [cells["latency p50 ms"](row, candidate) for row in (few, some)] == ["needs 11 samples", "2"]
    assert cells["  p90"](some, candidate) == "needs 64 samples"


def test_an_interrupted_measurement_says_that_it_starts_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from thimble.api import measure as measuring
    from thimble.cli import main

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "measure", interrupted)
    with pytest.raises(SystemExit) as end:
        main(["measure", "model.onnx"])
    assert end.value.code == 130
    assert "run the command again" in capsys.readouterr().err


def test_a_runtimes_own_file_is_measured_beside_the_onnx_file(files: Path, private_store: Path, tmp_path: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "net.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(files / "open.onnx"), options, providers=["CPUExecutionProvider"])
    study = measure([str(tmp_path / "net.ort")], Measure(sampling=Sampling(rounds=2), threads=1, shapes={"image": (1, 3, 12, 12)}))
    assert [(one.artifact.format, one.runtime, one.ok) for one in study.candidates] == [("ort", "onnxruntime", True)]
