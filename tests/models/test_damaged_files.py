"""Files with random damage: each opens, or is refused in one line; nothing else ever escapes."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from thimble.core.errors import ThimbleError
from thimble.core.task import ModelSpec, TaskSpec
from thimble.data import open_task
from thimble.models import open_model
from thimble.models._state import read_state


def save_onnx(path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy"]
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "net", ends[:1], ends[1:], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def save_npz(path: Path) -> None:
    np.savez(path, x=np.random.default_rng(0).standard_normal((60, 3)), y=np.arange(60) % 3)


STATE = {"a.weight": torch.ones(30, 4), "b": torch.zeros(5)}
KINDS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
    "x.onnx": (save_onnx, lambda path: open_model(ModelSpec(str(path)), path.parent / "copy")),
    "x.pt2": (
        lambda path: torch.export.save(torch.export.export(nn.Linear(3, 2).eval(), (torch.zeros(2, 3),)), path),
        lambda path: open_model(ModelSpec(str(path)), path.parent / "copy"),
    ),
    "zip.pth": (lambda path: torch.save(STATE, path), read_state),
    "old.pth": (lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False), read_state),
    "x.npz": (save_npz, lambda path: open_task(TaskSpec(f"npz:{path}"))),
}


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content cut off, with some bytes changed, or with some put in."""
    made, place = bytearray(content), rng.randrange(len(content))
    way = rng.randrange(4)
    if way == 0:
        return bytes(made[:place])
    if way == 1:
        made[place:place] = rng.randbytes(rng.randrange(1, 40))
    for _ in range(rng.choice((1, 3, 20)) if way > 1 else 0):
        made[rng.randrange(len(made))] = rng.randrange(256)
    return bytes(made)


@pytest.mark.parametrize("name", KINDS)
def test_damage_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    save, read = KINDS[name]
    path = tmp_path / name
    save(path)
    whole, rng = path.read_bytes(), random.Random(0)
    refused: list[str] = []
    for _ in range(60):
        path.write_bytes(damaged(whole, rng))
        try:
            read(path)
        except ThimbleError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert not any("\n" in text for text in refused)
    path.write_bytes(whole)
    read(path)


@pytest.mark.parametrize("name", ["x.onnx", "x.pt2", "zip.pth"])
def test_a_file_that_the_system_refuses_is_not_called_damaged(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, read = KINDS[name]
    path = tmp_path / name
    save(path)
    opened = os.open

    def refusing(file: Any, *arguments: Any, **options: Any) -> Any:
        if file == path:
            raise PermissionError(13, "Permission denied", str(file))
        return opened(file, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(ThimbleError, match="can't be read: Permission denied") as caught:
        read(path)
    assert "damaged" not in str(caught.value)
