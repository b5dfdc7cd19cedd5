"""Pictures with boxes in YOLO's form: ``yolo:DATA.yaml``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.task import Task, TaskSpec
from thimble.data._folder import SUFFIXES
from thimble.data._pictures import Boxed, detection_task, picture_size

_PARTS = {"train": "train", "val": "validation", "test": "test"}


class Yolo:
    """``yolo:data.yaml``: a file with ``path``, ``train``, ``val``, ``test`` and ``names``, as Ultralytics has it.

    Labels lie beside the pictures, with ``labels`` in place of ``images``: a line for each box, class and centre, width and height as
    shares of the picture. Polygons count as the boxes around them.
    """

    title: ClassVar[str] = "pictures with boxes in YOLO's text files"
    form: ClassVar[str] = "yolo:DATA.yaml"
    needs: ClassVar[tuple[str, ...]] = ("PIL",)
    extra: ClassVar[str | None] = "detection"

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by mAP. Raises `BadInput` for files that can't be used."""
        file = user_path(spec.argument)
        if not spec.argument or not file.is_file():
            raise BadInput(f"there is no file {spec.argument!r}; write yolo:DATA.yaml with the file that names train, val and the classes")
        said, names = _yaml(file.read_text(errors="replace"))
        if not names or not {"train", "val", "test"} & set(said):
            raise BadInput(f"{file} names no classes, or none of train, val and test: it must have names and train")
        root = file.parent / said.get("path", ".")
        root = root if root.is_dir() else file.parent
        parts = {part: _pictures(root / said[key], file) for key, part in _PARTS.items() if said.get(key)}
        if len(parts) == 1:
            parts = {"": next(iter(parts.values()))}
        found = [_boxed(path, part) for part, paths in parts.items() for path in paths]
        return detection_task(f"yolo:{file.name}", found, names, spec)


def _yaml(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The plain values of such a file, and its classes in order; of YAML only the forms that these files have."""
    said: dict[str, str] = {}
    names: dict[int, str] = {}
    inside = ""
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not line.strip():
            continue
        entry = re.fullmatch(r"(\s*)(-\s+)?(?:([\w]+)\s*:)?\s*(.*)", line)
        assert entry is not None
        indent, dash, key, value = entry[1], entry[2], entry[3], entry[4].strip().strip("'\"")
        if inside == "names" and (indent or dash):
            names[int(key) if key and key.isdigit() else len(names)] = value
        elif key and not indent:
            inside, said[key] = key, value
    if said.get("names", "").startswith("["):
        names = {i: one.strip().strip("'\"") for i, one in enumerate(said["names"].strip("[]").split(","))}
    if said.get("names", "").startswith("{"):
        pairs = (one.partition(":") for one in said["names"].strip("{}").split(","))
        names = {int(key): value.strip().strip("'\"") for key, _, value in pairs if key.strip().isdigit()}
    return said, tuple(names[i] for i in sorted(names))


def _pictures(place: Path, file: Path) -> list[Path]:
    """The pictures of a part: those in a folder, or those that a text file lists."""
    if place.is_dir():
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
    elif place.is_file():
        found = [(place.parent / line.strip()) for line in place.read_text(errors="replace").splitlines() if line.strip()]
    else:
        raise BadInput(f"{file} names {place}, which is neither a folder of pictures nor a list of them")
    if not found:
        raise BadInput(f"{place} holds no pictures")
    return found


def _boxed(path: Path, part: str) -> Boxed:
    width, height = picture_size(path)
    places = [i for i, name in enumerate(path.parts) if name == "images"]
    names = list(path.parts)
    if places:
        names[places[-1]] = "labels"
    labels = Path(*names).with_suffix(".txt")
    lines = labels.read_text(errors="replace").splitlines() if labels.is_file() else []
    return Boxed(path, part, width, height, tuple(_box(line, labels, width, height) for line in lines if line.strip()))


def _box(line: str, file: Path, width: float, height: float) -> tuple[float, float, float, float, float, float]:
    try:
        kind, *numbers = map(float, line.split())
    except ValueError as error:
        raise BadInput(f"{file}: {line!r} is not a box; a line has a class and four numbers from 0 to 1") from error
    if len(numbers) == 4:
        x, y, w, h = numbers
        low, high = (x - w / 2, y - h / 2), (x + w / 2, y + h / 2)
    elif len(numbers) >= 6 and len(numbers) % 2 == 0:
        low, high = (min(numbers[::2]), min(numbers[1::2])), (max(numbers[::2]), max(numbers[1::2]))
    else:
        raise BadInput(f"{file}: {line!r} is not a box; a line has a class and four numbers from 0 to 1")
    return kind, low[0] * width, low[1] * height, high[0] * width, high[1] * height, 0.0
