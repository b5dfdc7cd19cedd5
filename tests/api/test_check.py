"""Artifacts checked against their old forms: what is proven, and from where the old form comes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.api.check import check
from thimble.api.measure import measure
from thimble.api.request import Check, Measure
from thimble.core.check import Figure
from thimble.core.errors import BadInput
from thimble.core.sampling import Sampling
from thimble.core.verdict import Proof
from thimble.devices import lock

SHORT = Sampling(rounds=12)


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "lock_path", lambda: tmp_path / "lock")


def network(path: Path, layers: int, shift: float = 0.0) -> str:
    """Convolutions of 32 channels and a classifier; ``shift`` moves the first class's score."""
    random = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    for i in range(layers):
        weights.append(numpy_helper.from_array(random.normal(0, 0.1, (32, 3 if i == 0 else 32, 3, 3)).astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("Conv", [value, f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1]))
        value = f"c{i}"
    bias = np.eye(1, 10, dtype=np.float32)[0] * shift
    weights += [numpy_helper.from_array(random.normal(0, 1, (32, 10)).astype(np.float32), "head"), numpy_helper.from_array(bias, "bias")]
    nodes += [
        helper.make_node("GlobalAveragePool", [value], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "head", "bias"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", ["n", 3, 32, 32]), ("y", ["n", 10]))]
    graph = helper.make_graph(nodes, "n", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Noise whose labels are the small network's own answers."""
    import onnxruntime

    network(tmp_path / "labels.onnx", 1)
    images = np.random.default_rng(1).normal(size=(400, 3, 32, 32)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "labels.onnx"))
    np.savez(tmp_path / "data.npz", x=images, y=session.run(None, {"x": images})[0].argmax(1))
    return f"npz:{tmp_path / 'data.npz'}"


def figures(found: tuple[Figure, ...]) -> dict[str, Proof | None]:
    return {figure.name: figure.proof for figure in found}


def test_a_network_of_five_times_the_work_is_proven_slower_and_larger(tmp_path: Path, private_store: Path) -> None:
    old, new = network(tmp_path / "old.onnx", 1), network(tmp_path / "new.onnx", 12)
    found = check([new], Check(against=old, sampling=SHORT, threads=1))
    assert found.proof == Proof.BROKEN
    assert figures(found.checks[0].figures) == {"latency": Proof.BROKEN, "size": Proof.BROKEN}
    assert found.checks[0].how.startswith("measured together")
    back = check([old], Check(against=new, sampling=SHORT, threads=1))
    assert back.proof == Proof.MET
    assert back.checks[0].figures[0].change is not None
    assert back.checks[0].figures[0].change.high < 0


def test_a_loss_of_quality_is_proven_sample_by_sample(tmp_path: Path, data: str, private_store: Path) -> None:
    old, new = network(tmp_path / "old.onnx", 1), network(tmp_path / "new.onnx", 1, shift=9.0)
    options = Check(against=old, sampling=SHORT, threads=1, data=data, max_drop=0.5, max_slowdown=100.0)
    assert figures(check([new], options).checks[0].figures)["quality"] == Proof.BROKEN
    shutil.copy(old, tmp_path / "same.onnx")
    same = check([str(tmp_path / "same.onnx")], options).checks[0].figures[-1]
    assert same.change is not None
    assert same.change.value == 0


def test_a_study_gives_its_artifact_or_else_no_latency(tmp_path: Path, private_store: Path) -> None:
    old, new = network(tmp_path / "old.onnx", 1), network(tmp_path / "new.onnx", 12)
    study = measure([old], Measure(out=str(tmp_path / "main"), sampling=SHORT, threads=1))
    options = Check(against=str(tmp_path / "main" / "study.json"), sampling=SHORT, threads=1)
    together = check([new], options).checks[0]
    assert figures(together.figures) == {"latency": Proof.BROKEN, "size": Proof.BROKEN}
    assert together.how.startswith("measured together")

    shutil.rmtree(str(study.candidates[0].folder))
    alone = check([new], options).checks[0]
    assert figures(alone.figures) == {"latency": Proof.NOT_PROVEN, "size": Proof.BROKEN}
    assert alone.figures[0].change is None
    assert "can't be compared" in alone.figures[0].reason


def test_the_same_path_in_a_commit_is_the_old_form(tmp_path: Path, private_store: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    network(tmp_path / "model.onnx", 1)
    for words in (("init", "-q"), ("add", "model.onnx"), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    new = network(tmp_path / "model.onnx", 12)
    added = network(tmp_path / "added.onnx", 1)
    found = check([new, added], Check(against="git:HEAD", sampling=SHORT, threads=1))
    assert figures(found.checks[0].figures)["size"] == Proof.BROKEN
    assert found.checks[0].old == "git:HEAD"
    assert found.added == (added,)
    with pytest.raises(BadInput, match="does not know the commit 'nowhere'"):
        check([new], Check(against="git:nowhere"))
    with pytest.raises(BadInput, match="does not name a commit"):
        check([new], Check(against="git:--output=x"))


@pytest.mark.parametrize(
    ("artifacts", "given", "said"),
    [
        ([], {}, "nothing to check"),
        (["a.onnx"], {"max_drop": 1.0}, "--max-drop needs data"),
        (["a.onnx", "b.onnx"], {}, "check them one by one"),
        (["a.onnx"], {"max_slowdown": -0.1}, "--max-slowdown"),
    ],
)
def test_what_can_not_be_asked_is_refused_at_once(artifacts: list[str], given: dict[str, float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        check(artifacts, Check(against="old.onnx", **given))
