"""Archives whose members are no arrays, arrays that are no numbers, and names that are no text."""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thimble.core.errors import BadInput
from thimble.core.task import TaskSpec
from thimble.data import open_task

X = np.random.default_rng(0).standard_normal((200, 4)).astype("float32")
Y = np.arange(200) % 3


def member(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archive(folder: Path, **members: bytes) -> TaskSpec:
    with zipfile.ZipFile(folder / "data.npz", "w") as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return TaskSpec(f"npz:{folder / 'data.npz'}")


HEADER = member(X).replace(b"(200, 4)", b"(9" + b"9" * 5 + b",)")
"""Says more numbers than there are."""


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"x": b"no header at all", "y": member(Y)}, "x is not an array; its member in the archive has no header"),
        ({"x": member(X), "y": b""}, "y is not an array"),
        ({"x": member(X), "y": member(Y), "labels": b"abc"}, "labels is not an array"),
        ({"x": HEADER, "y": member(Y)}, "x says that its shape is (999999,), and the file holds"),
        ({"x": member(X)[:90], "y": member(Y)}, "can't be read"),
        ({"x": member(np.array(["a"] * 200)), "y": member(Y)}, "x has type <U1"),
        ({"x": member(X), "y": member(np.array(["a", "b"] * 100))}, "y has type <U1"),
        ({"x": member(X.astype("complex64")), "y": member(Y)}, "x has type complex64"),
        ({"x": member(X), "y": member(np.where(Y == 2, 10**9, Y))}, "y holds the class 1000000000, and there are only 200 samples"),
        ({"x": member(X), "y": member(np.where(Y == 2, 2**63 - 1, Y))}, "y holds the class 9223372036854775807"),
        ({"x": member(X), "y": member(Y), "metric": member(np.array(["x" * 9999]))}, "unknown metric"),
    ],
)
def test_archives_that_hold_something_else(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    began = time.monotonic()
    with pytest.raises(BadInput, match=re.escape(words)) as error:
        open_task(archive(tmp_path, **members))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    assert time.monotonic() - began < 5


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    for name in (b"cats", b"dogs\xff"):
        folder = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118
        os.mkdir(folder)  # noqa: PTH102
        for i in range(20):
            Image.fromarray(np.full((8, 8, 3), i + 100 * (name == b"cats"), "uint8")).save(os.path.join(os.fsdecode(folder), f"{i}.png"))  # noqa: PTH118
    with pytest.raises(BadInput, match=r"dogs\\udcff/0.png' is not UTF-8 text; rename"):
        open_task(TaskSpec(f"imagefolder:{tmp_path}"))
