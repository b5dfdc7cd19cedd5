"""Checks of files that hold no code, made on their bytes before any library parses them."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from xml.parsers import expat

from thimble.core.errors import BadInput
from thimble.fetch.archive import readable

DEEPEST = 200
"""Elements inside each other in a network of OpenVINO; loops and branches nest a few."""
LONGEST_TEXT = 100_000_000
"""Bytes of a text file of layers; the largest networks' have a few million."""
_TFLITE_ELSEWHERE = (8, 9)
"""Fields of a TensorFlow Lite model that name files which hold its data: ``external_buffer_groups`` and ``external_buffers``."""


def check_flatbuffer(path: Path, mark: bytes, title: str) -> bytes:
    """The file's bytes. Raises `BadInput` where its mark, four bytes from the fourth on, is another format's or none."""
    with readable(path) as file:
        head = file.read(8)
        if head[4:8] != mark:
            raise BadInput(f"{path} is not {title}: its first bytes don't say {mark.decode()}; it was not opened")
        return head + file.read()


def check_tflite(path: Path) -> None:
    """Raise `BadInput` for a file that is no TensorFlow Lite model, or keeps its data in other files."""
    data = check_flatbuffer(path, b"TFL3", "a LiteRT file")
    try:
        (root,) = struct.unpack_from("<I", data, 0)
        (back,) = struct.unpack_from("<i", data, root)
        (size,) = struct.unpack_from("<H", data, root - back)
        places = struct.unpack_from(f"<{(size - 4) // 2}H", data, root - back + 4)
    except struct.error as error:
        raise BadInput(f"{path} is a damaged LiteRT file: its table of contents lies outside it") from error
    if any(places[field] for field in _TFLITE_ELSEWHERE if field < len(places)):
        raise BadInput(f"{path} keeps tensors in other files, which are not read; store them in the file itself")


def check_openvino(path: Path) -> None:
    """Raise `BadInput` for a file that is no network of OpenVINO, defines entities, or names data outside the ``.bin`` file."""
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise BadInput(f"{path} needs {weights.name} beside it, which is not there")
    parser, looking = expat.ParserCreate(), _Looking(path, weights.stat().st_size)
    parser.StartElementHandler, parser.EndElementHandler = looking.start, looking.end
    parser.StartDoctypeDeclHandler = looking.doctype
    try:
        with readable(path) as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise BadInput(f"{path} is a damaged file of OpenVINO: {error}") from error


class _Looking:
    """Listens to the elements of a network."""

    def __init__(self, path: Path, bytes_there: int) -> None:
        self.path, self.bytes_there, self.depth = path, bytes_there, 0

    def doctype(self, *_: object) -> None:
        raise BadInput(f"{self.path} defines a document type, which no network needs; it was not opened")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and name != "net":
            raise BadInput(f"{self.path} is not a network of OpenVINO: it begins with <{name[:40]}>")
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadInput(f"{self.path} is not a network of OpenVINO: its elements are nested more than {DEEPEST} deep")
        if name == "data" and "offset" in attributes:
            offset, size = attributes["offset"], attributes.get("size", "0")
            if not (offset.isdecimal() and size.isdecimal()) or int(offset[:20]) + int(size[:20]) > self.bytes_there:
                raise BadInput(
                    f"{self.path} names {size[:20]} bytes from {offset[:20]} on of {self.path.with_suffix('.bin').name}, "
                    f"which has {self.bytes_there}: the data is truncated or another model's"
                )

    def end(self, name: str) -> None:
        self.depth -= 1


def check_ncnn(path: Path) -> None:
    """Raise `BadInput` for a ``.param`` file whose counts aren't those of its lines: ncnn believes them and makes room for as many."""
    if not path.with_suffix(".bin").is_file():
        raise BadInput(f"{path} needs {path.with_suffix('.bin').name} beside it, which is not there")
    if path.stat().st_size > LONGEST_TEXT:
        raise BadInput(f"{path} has {path.stat().st_size:,} bytes; a list of layers has at most {LONGEST_TEXT:,}")
    with readable(path) as file:
        lines = [line.split() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    if len(lines) < 3 or lines[0] != ["7767517"] or len(lines[1]) != 2:
        raise BadInput(f"{path} is not a list of ncnn's layers: its first line must be 7767517, its second two counts")
    layers, blobs = lines[2:], 0
    for words in layers:
        counts = [int(word) for word in words[2:4] if re.fullmatch(r"\d{1,6}", word)]
        if len(counts) != 2 or len(words) < 4 + sum(counts):
            raise BadInput(f"{path} has a layer {' '.join(words)[:60]!r}, whose counts don't fit what follows")
        blobs += counts[1]
        _check_lists(path, words[4 + sum(counts) :])
    for said, there, what in ((lines[1][0], len(layers), "layers"), (lines[1][1], blobs, "blobs")):
        if said != str(there):
            raise BadInput(f"{path} says that it has {said[:20]} {what}, and it has {there}")


def _check_lists(path: Path, settings: list[str]) -> None:
    """Settings with a number of -23300 and below are lists that begin with their length."""
    for setting in settings:
        key, _, value = setting.partition("=")
        if re.fullmatch(r"-23[3-9]\d\d", key):
            length, *numbers = value.split(",")
            if length != str(len(numbers)):
                raise BadInput(f"{path} has a list {setting[:60]!r}, whose length is {len(numbers)}")
