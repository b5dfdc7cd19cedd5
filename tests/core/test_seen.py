"""What an artifact has seen is written down beside it, and read back by its folder or a file in it."""

from pathlib import Path

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.core.seen import SEEN, digests_of, read_seen, write_seen
from thimble.data import array_task

DATA = np.arange(60, dtype=np.float32).reshape(30, 2)
TASK = array_task({"train": (DATA[:10], np.arange(10) % 2), "calibration": (DATA[10:14], None), "test": (DATA[10:], np.arange(20) % 2)})


def test_it_reads_back_by_folder_and_by_file(tmp_path: Path) -> None:
    seen = digests_of(TASK, ("train", "calibration"))
    assert len(seen) == 14
    write_seen(seen, tmp_path)
    (tmp_path / "model.onnx").touch()
    assert read_seen(tmp_path) == read_seen(str(tmp_path / "model.onnx")) == seen
    assert len(seen & digests_of(TASK, ["test"])) == 4


def test_nothing_seen_leaves_no_file(tmp_path: Path) -> None:
    write_seen(frozenset(), tmp_path)
    assert not (tmp_path / SEEN).exists()
    assert read_seen(tmp_path) == frozenset()


def test_a_name_that_is_no_path_has_seen_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_seen(digests_of(TASK, ["train"]), tmp_path)
    monkeypatch.chdir(tmp_path)
    assert read_seen("torchvision:resnet18") == frozenset()


def test_damage_is_one_line(tmp_path: Path) -> None:
    (tmp_path / SEEN).write_bytes(b"12345")
    with pytest.raises(BadInput, match="damaged: it has 5 bytes"):
        read_seen(tmp_path)
