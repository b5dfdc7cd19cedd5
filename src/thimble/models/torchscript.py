"""A TorchScript archive, measured as it is: looked through first, since its code could touch files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.text import brief
from thimble.fetch.archive import check_archive
from thimble.fetch.user_file import foreign
from thimble.models._artifact import ArtifactFile

_NAMES = re.compile(r"(?<![\w.\"'])(torch|ops)\b((?:\s*\.\s*\w+)*)")
"""What the archive's language resolves to operators: ``torch.relu``, ``ops.quantized.conv2d``."""
_SPACES = ("aten", "prim", "prims", "quantized", "_quantized", "sparse", "mkldnn", "mkldnn_prepacked", "mkl", "onednn", "prepacked",
           "torchvision", "xnnpack", "dnnl", "_native", "quantization")  # fmt: skip
"""Name spaces of operators that compute; others talk to other machines, profilers and memory."""
_TOUCHING = re.compile(r"save|load|from_file|_?test_\w*|rpc_\w+|\w*PythonOp|data_ptr|id")
"""Operators that write or map files, call other machines or Python, or tell addresses."""
_CLASSES = re.compile(rb"torch[.\n]classes[.\n](\w+)")
"""Classes in C++ that an archive's pickles and code name, whose instances come to be while it is opened."""
_CLASS_SPACES = (b"quantized", b"rnn", b"sparse", b"xnnpack", b"mkldnn")


class Torchscript(ArtifactFile):
    """``MODEL.pt`` or ``MODEL.jit``, as ``torch.jit.save`` wrote it: format ``torchscript``.

    The file holds no shapes, so they come from ``--input-shape`` or the data. Only operators that compute are let through;
    files are refused that call others, such as those which write or map files.
    """

    title: ClassVar[str] = "a TorchScript archive"
    form: ClassVar[str] = "MODEL.pt, MODEL.jit"
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    unchanged: ClassVar[str] = (
        "is a TorchScript archive, whose operators are fixed: no technique changes it. Give the PyTorch code that it "
        "was made of, or its ONNX file"
    )

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` for an archive whose code does more than compute."""
        check_torchscript(path)


def check_torchscript(path: Path) -> None:
    """Raise `BadInput` for a TorchScript archive that is damaged, or whose code does more than compute.

    It is read by PyTorch's own reader of archives, so that what is checked is what will be opened.
    """
    import torch

    if not check_archive(path):
        raise BadInput(f"{path} is not a TorchScript archive, or it is truncated")
    try:
        reader = torch._C.PyTorchFileReader(str(path))
        names = reader.get_all_records()
        records = {name: reader.get_record(name) for name in names if name.endswith((".py", ".pkl"))}
    except (RuntimeError, ValueError) as error:
        raise BadInput(f"{path} is a damaged TorchScript archive: {foreign(error)}") from error
    if "model.json" in names:
        raise BadInput(f"{path} is an archive of an older PyTorch, which is not opened; save the model again with torch.jit.save")
    if not any(name.endswith(".py") for name in names):
        raise BadInput(f"{path} is not a TorchScript archive: it holds no code")
    for name, content in records.items():
        _check_record(name, content, path)


def _check_record(name: str, content: Any, path: Path) -> None:
    for space in _CLASSES.findall(content):
        if space not in _CLASS_SPACES:
            raise BadInput(f"{path} makes an object of torch.classes.{brief(space.decode())}, which no model needs; it was not opened")
    if name.endswith(".py"):
        for found in _NAMES.finditer(content.decode("latin-1")):
            if not _computes(found[1], re.sub(r"\s", "", found[2]).split(".")[1:]):
                called = brief(re.sub(r"\s", "", found[0]))
                raise BadInput(f"{path} calls {called}, which can touch files, other processes or machines; it was not opened")


def _computes(root: str, names: list[str]) -> bool:
    """Return whether ``torch.NAME`` or ``ops.SPACE.NAME`` is an operator that computes; the words alone could stand for any of them."""
    if root == "ops" and (len(names) != 2 or names[0] not in _SPACES):
        return False
    if root == "torch" and len(names) != 1:
        return False
    return not _TOUCHING.fullmatch(names[-1])
