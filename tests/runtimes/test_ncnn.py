"""What ncnn computes in is read back, not believed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from thimble.core.artifact import Artifact
from thimble.core.subject import Subject
from thimble.core.values import File, TensorSpec
from thimble.devices.process import Worker
from thimble.runtimes.ncnn import Ncnn

pytest.importorskip("ncnn")


def samples() -> Any:
    spec = importlib.util.spec_from_file_location("samples", Path(__file__).parent / "samples.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("options", "precision"),
    [({}, "float32"), ({"use_bf16_storage": "1"}, "bfloat16"), ({"use_bf16_storage": "1", "use_fp16_storage": "1"}, "bfloat16")],
)
def test_sixteen_bits_are_told(tmp_path: Path, options: dict[str, str], precision: str) -> None:
    path = tmp_path / samples().ncnn(tmp_path)
    assert Ncnn().open(str(path), ["left", "right"], ["total", "product"], 1, options).precision == precision


def test_a_switch_without_effect_is_not_called_float16(tmp_path: Path) -> None:
    """FP16 packs are for processors that multiply them; elsewhere the switch changes nothing."""
    path = tmp_path / samples().ncnn(tmp_path)
    session = Ncnn().open(str(path), ["left", "right"], ["total", "product"], 1, {"use_fp16_packed": "1"})
    assert session.precision in ("float32", "float16")
    assert session.precision == "float32" or session.net.opt.use_fp16_packed


def test_threads_are_as_many_as_asked_for(tmp_path: Path) -> None:
    files = (File.of(tmp_path / samples().ncnn(tmp_path), tmp_path),)
    artifact = Artifact("ncnn", "model.param", files, (TensorSpec("left", (None, 4)), TensorSpec("right", (None, 4))), ("total", "product"))
    with Worker(Subject("it", tmp_path, artifact, "ncnn", threads=1)) as worker:
        import numpy as np

        worker.run({name: np.ones((8, 4), np.float32) for name in ("left", "right")})
        own = [task for task in Path(f"/proc/{worker.pid}/task").iterdir() if (task / "comm").read_text().strip() != "python"]
    assert len(own) <= 1
