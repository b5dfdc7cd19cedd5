"""An artifact.json of strangers describes an artifact that can be, or is refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from thimble.core.artifact import read_manifest
from thimble.core.errors import BadInput

GOOD: dict[str, Any] = {
    "format": "onnx",
    "main": "model.onnx",
    "files": [{"path": "model.onnx", "bytes": 10, "sha256": "0"}],
    "inputs": [{"name": "x", "shape": [None, 3, 32, 32], "dtype": "float32"}],
    "outputs": ["y"],
    "preprocess": {"size": 32, "resize": 36, "resample": "bilinear", "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1], "layout": "chw"},
}


def read(folder: Path, **changes: Any) -> Any:
    (folder / "artifact.json").write_text(json.dumps({**GOOD, **changes}), encoding="utf-8")
    return read_manifest(folder)


def test_a_good_one_is_read(tmp_path: Path) -> None:
    assert read(tmp_path).inputs[0].with_batch(2) == (2, 3, 32, 32)


def of(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{**GOOD["inputs"][0], **changes}]}


def images(**changes: Any) -> dict[str, Any]:
    return {"preprocess": {**GOOD["preprocess"], **changes}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (of(shape=[None, -3, 32, 32]), "input 'x' has shape (None, -3, 32, 32)"),
        (of(shape=[None, 0]), "sizes are 1 or more"),
        (of(sizes=[1]), "has 4 dimensions, and 1 sizes that work"),
        (of(sizes=[1, 3, -5, 5]), "sizes are 1 or more"),
        (of(shape=[None, None], sizes=[1, 10**9]), "has 1,000,000,000 numbers"),
        (of(shape=[None, 10**9]), "has 1,000,000,000 numbers; 134,217,728 is the most"),
        (of(shape=[100_000, 100_000]), "has 10,000,000,000 numbers"),
        (of(shape=[None, 1e23]), "must be"),
        (of(dtype="text"), "has the type 'text', which is not a numeric type"),
        (of(dtype="object"), "has the type 'object'"),
        ({"inputs": [*GOOD["inputs"], *GOOD["inputs"]]}, "the same name"),
        ({"main": "other.onnx"}, "is not among its files"),
        ({"main": "../x.onnx", "files": [{"path": "../x.onnx", "bytes": 1, "sha256": ""}]}, "lies outside its folder"),
        ({"main": "a\0.onnx", "files": [{"path": "a\0.onnx", "bytes": 1, "sha256": ""}]}, "lies outside its folder"),
        ({"files": [{"path": "model.onnx", "bytes": -10, "sha256": "0"}]}, "has -10 bytes"),
        ({"outputs": 3}, "outputs must be `array`, not 3"),
        (images(size=10**9), "preprocess.size is 1000000000"),
        (images(resize=-1), "preprocess.resize is -1"),
        (images(resample="magic"), "resample 'magic'"),
        (images(std=[0, 1, 1]), "those of std not 0"),
        (images(mean=[1, 2]), "each takes three numbers"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)) as error:
        read(tmp_path, **changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, "", "null", "{}", '{"format": 1e400}', "\ufffe"])
def test_damaged_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "artifact.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "changes", [{"main": "x" * 5000}, {"main": "../" * 2000, "files": [{"path": "../" * 2000, "bytes": 1, "sha256": "0"}]}]
)
def test_a_long_name_does_not_flood_the_message(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, **changes)
    assert len(str(caught.value)) < 600
