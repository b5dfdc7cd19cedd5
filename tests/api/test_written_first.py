"""Whether a result can be written is tried before the work, and the result is told even where it can't be any more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from thimble.api import apply as applying
from thimble.api import measure as measuring
from thimble.api.apply import Applied, apply
from thimble.api.measure import measure
from thimble.api.request import Apply, Measure
from thimble.core.errors import BadInput, CannotWrite, NotWritten
from thimble.core.model import Model
from thimble.core.paths import check_writable
from thimble.core.sampling import Sampling
from thimble.core.study import Study
from thimble.engine.store import Store

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"


@pytest.fixture
def model(tmp_path: Path) -> str:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", 4), ("y", 2))]
    weights = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    return str(tmp_path / "model.onnx")


def unwritable(place: Path) -> dict[str, type[Exception]]:
    (place / "file").touch()
    (place / "dangling").symlink_to(place / "nothing")
    return {
        str(place / "file"): BadInput,
        str(place / "file" / "below"): CannotWrite,
        str(place / "dangling"): BadInput,
        "/proc/no/such": CannotWrite,
    }


def test_folders_are_tried_and_left_as_they_were(tmp_path: Path) -> None:
    for folder, error in unwritable(tmp_path).items():
        with pytest.raises(error):
            check_writable(Path(folder))
    (tmp_path / "there").mkdir()
    check_writable(tmp_path / "there")
    check_writable(tmp_path / "new" / "below")
    assert not list((tmp_path / "there").iterdir())
    assert not (tmp_path / "new").exists()


def test_nothing_is_done_for_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(*_: Any) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr(measuring, "open_subjects", begun)
    monkeypatch.setattr(applying, "_prepared", begun)
    for folder, error in unwritable(tmp_path).items():
        with pytest.raises(error):
            measure(["model.onnx"], Measure(out=folder))
        with pytest.raises(error):
            apply(Apply("to_onnx()", TINY), folder)


def test_a_measurement_that_cannot_be_kept_is_not_lost(
    model: str, tmp_path: Path, private_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(study: Study, folder: Path) -> None:
        raise CannotWrite(f"can't write {folder}: No space left on device")

    monkeypatch.setattr(measuring, "write_study", full)
    with pytest.raises(NotWritten, match="No space left") as caught:
        measure([model], Measure(threads=1, out=tmp_path / "out", sampling=Sampling(rounds=3, warmup_s=0.2)))
    assert isinstance(caught.value.result, Study)
    assert caught.value.result.candidates[0].ok


def test_neither_is_an_artifact_that_cannot_be_placed(
    model: str, tmp_path: Path, private_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = applying._placed

    def full(built: Any, out: Path, *rest: Any) -> Any:
        if out == tmp_path / "out":
            raise CannotWrite(f"can't write {out}: No space left on device")
        return placed(built, out, *rest)

    monkeypatch.setattr(applying, "_placed", full)
    with pytest.raises(NotWritten, match="No space left") as caught:
        apply(Apply("onnx_quantize_dynamic()", model, threads=1), tmp_path / "out")
    assert isinstance(caught.value.result, Applied)
    assert caught.value.result.size.bytes > 0


def test_a_full_disk_is_told_with_the_stores_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(output: Path, scratch: Path) -> Model:
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    store = Store(tmp_path / "store")
    with pytest.raises(RuntimeError):
        store.make("key", work)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))  # type: ignore[attr-defined]
    with pytest.raises(CannotWrite, match=r"the disk of the store .*store is full \(0\.0 MB are free\)"):
        store.make("key", work)
