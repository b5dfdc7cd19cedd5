"""Files that would do more than compute if they were opened, by format. ``mark`` is a path that comes to be where code ran."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn


class Bomb:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def rezipped(path: Path, change: object) -> None:
    """The archive with ``change(name, content)`` in each member's place; ``None`` leaves it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content) or content)  # type: ignore[operator]


def pt2(folder: Path, mark: Path) -> Iterator[Path]:
    """A pickle among the sample inputs."""
    path = folder / "model.pt2"
    torch.export.save(torch.export.export(nn.Linear(4, 2).eval(), (torch.zeros(1, 4),)), path)
    rezipped(path, lambda name, content: pickle.dumps(Bomb(mark)) if name.endswith(".pt") and "sample_inputs" in name else None)
    yield path


class Plain(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


CODE = (
    'torch.save(x, "{mark}")',
    'torch . save(x, "{mark}")',
    'ops.aten.save(x, "{mark}")',
    'torch.autograd.save(x, "{mark}")',
    'getattr(torch, "save")(x, "{mark}")',
    'torch.from_file("{mark}", True, 4)',
    "ops.prim.rpc_sync(x)",
    "ops.c10d.send(x)",
)


def torchscript(folder: Path, mark: Path) -> Iterator[Path]:
    """Code that writes a file, by every name that the language has for it; an object of a class that talks to other machines."""
    path = folder / "model.pt"
    for line in CODE:
        torch.jit.save(torch.jit.script(Plain()), str(path))
        call = line.format(mark=mark).encode()
        rezipped(path, lambda name, content, call=call: content.replace(b"    return ", b"    y = " + call + b"\n    return "))
        yield path
    torch.jit.save(torch.jit.script(Plain()), str(path))
    evil = b"\x80\x02c__torch__.torch.classes.dist_c10d\nProcessGroup\n)\x81."
    rezipped(path, lambda name, content: evil if name.endswith("data.pkl") else None)
    yield path


def _graph(location: str) -> bytes:
    """A network whose weights lie in a file."""
    weights = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "32")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", 4), ("y", 2))]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def onnx(folder: Path, mark: Path) -> Iterator[Path]:
    """Weights in a file outside the folder, by a relative name, an absolute one, and a link."""
    path, secret = folder / "model.onnx", folder.parent / "secret"
    secret.write_bytes(bytes(64))
    (folder / "linked").symlink_to(secret)
    for location in ("../secret", str(secret), "linked", "model.onnx"):
        path.write_bytes(_graph(location))
        yield path


def ort(folder: Path, mark: Path) -> Iterator[Path]:
    """A file of ONNX under the other name, past its rules for external data."""
    path = folder / "model.ort"
    (folder.parent / "secret").write_bytes(bytes(64))
    path.write_bytes(_graph("../secret"))
    yield path


NET = (
    '<?xml version="1.0"?>{before}<net name="n" version="11"><layers>'
    '<layer id="0" name="c" type="Const" version="opset1">{data}</layer></layers></net>'
)


def openvino(folder: Path, mark: Path) -> Iterator[Path]:
    """Entities that grow, data outside the file of weights, bottomless nesting, and a link in place of that file."""
    path, weights = folder / "model.xml", folder / "model.bin"
    weights.write_bytes(bytes(16))
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    for before, data in (
        (bomb, "&b;"),
        ("", '<data element_type="f32" shape="4" offset="8" size="16"/>'),
        ("", '<data element_type="f32" shape="4" offset="-8" size="16"/>'),
        ("", "<a>" * 5_000 + "</a>" * 5_000),
    ):
        path.write_text(NET.format(before=before, data=data))
        yield path
    weights.unlink()
    yield path


LIST = "7767517\n{layers} {blobs}\nInput in0 0 1 in0 0=4\nReLU r 1 1 in0 out0 {setting}\n"


def ncnn(folder: Path, mark: Path) -> Iterator[Path]:
    """Counts and lengths beyond what is there, for which ncnn would make room."""
    path = folder / "model.param"
    path.with_suffix(".bin").touch()
    for layers, blobs, setting in ((10**9, 2, ""), (2, 10**9, ""), (2, -2, ""), (2, 2, "-23303=1000000000,1")):
        path.write_text(LIST.format(layers=layers, blobs=blobs, setting=setting))
        yield path
    path.write_text("7767517\n1 1\nInput in0 0 999999999 in0\n")
    yield path


def tflite(folder: Path, mark: Path) -> Iterator[Path]:
    """A model that keeps its tensors in other files, one whose table lies outside it, and none at all."""
    path = folder / "model.tflite"
    fields = [0] * 8 + [4]  # the ninth is external_buffer_groups
    vtable = struct.pack("<HH9H", 4 + 2 * len(fields), 8, *fields)
    table = struct.pack("<iI", 8 + len(vtable), 0)
    for content in (
        struct.pack("<I4s", 8 + len(vtable) + 8, b"TFL3") + bytes(8) + vtable + struct.pack("<iI", len(vtable), 0),
        struct.pack("<I4s", 2**31, b"TFL3") + bytes(16),
        struct.pack("<I4s", 8, b"TFL2") + table + bytes(32),
    ):
        path.write_bytes(content)
        yield path


def _program(backend: bytes, sizes: tuple[int, int, int]) -> bytes:
    """A program of ExecuTorch with one method and one delegate; ``sizes`` are those of its header."""
    text = struct.pack("<I", len(backend)) + backend + bytes(8 - len(backend) % 4)
    delegate = struct.pack("<HHH2x", 6, 8, 4) + struct.pack("<iI", 8, 4) + text
    plan = struct.pack("<HH8H", 20, 8, *[0] * 7, 4) + struct.pack("<iI", 20, 4)
    plan += struct.pack("<II", 1, 4 + 8) + delegate
    root = struct.pack("<HHHH", 8, 8, 0, 4) + struct.pack("<iI", 8, 4)
    body = root + struct.pack("<II", 1, 4 + 20) + plan
    return struct.pack("<I4s4sIQQQ", 40 + 8, b"ET12", b"eh00", 32, *sizes) + body


def executorch(folder: Path, mark: Path) -> Iterator[Path]:
    """Another backend than XNNPACK, a header that tells of more than is there, tables outside the file, another format's file."""
    path = folder / "model.pte"
    for content in (
        _program(b"OpenvinoBackend", (100, 0, 0)),
        _program(b"XnnpackBackend", (100, 2**40, 2**40)),
        struct.pack("<I4s", 2**31, b"ET12") + bytes(16),
        struct.pack("<I4s", 8, b"TFL3") + bytes(32),
    ):
        path.write_bytes(content)
        yield path


def aotinductor(folder: Path, mark: Path) -> Iterator[Path]:
    """A library that nobody here compiled, and a program that holds none."""
    path = folder / "model.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data/aotinductor/model/evil.so", b"\x7fELF" + bytes(64))
        archive.writestr("model/archive_format", "pt2")
    yield path
    torch.export.save(torch.export.export(nn.Linear(4, 2).eval(), (torch.zeros(1, 4),)), path)
    yield path


def _field(number: int, content: bytes | int) -> bytes:
    """A field of a protocol buffer."""

    def counted(value: int) -> bytes:
        return bytes([value & 0x7F | 0x80]) + counted(value >> 7) if value > 0x7F else bytes([value])

    if isinstance(content, int):
        return counted(number << 3) + counted(content)
    return counted(number << 3 | 2) + counted(len(content)) + content


def coreml(folder: Path, mark: Path) -> Iterator[Path]:
    """Weights in files outside the package, a model of an app's own code, one linked to another, and a file that is cut off."""
    path = folder / "model.mlmodel"
    for name in (b"/etc/passwd", b"@model_path/../../secret", b"../secret"):
        value = _field(5, _field(5, _field(1, name)))
        path.write_bytes(_field(1, 8) + _field(502, _field(1, 1) + _field(2, value)))
        yield path
    for number in (555, 556):
        path.write_bytes(_field(1, 8) + _field(number, b"abc"))
        yield path
    path.write_bytes((_field(1, 8) + _field(502, bytes(100)))[:50])
    yield path
