"""Pictures with boxes in Pascal VOC's form: ``voc:DIR``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from thimble.core.errors import BadInput
from thimble.core.paths import contents, user_path
from thimble.core.task import Task, TaskSpec
from thimble.data._folder import SUFFIXES
from thimble.data._pictures import Boxed, detection_task, picture_size

_LISTS = {"train": "train", "trainval": "train", "val": "validation", "test": "test"}
"""Lists in ``ImageSets/Main`` and their parts; ``trainval`` counts only where ``train`` is not there."""
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
CLASSES = "classes.txt"
"""The file that gives classes their numbers: a name a line, in the order of the model's outputs."""
MOST_BYTES = 4_000_000
"""The largest file of labels that is read."""

Named = tuple[str, tuple[float, float, float, float], float]
"""A box before classes have numbers: name, corners, and 1 where it doesn't count."""


class Voc:
    """``voc:DIR``: ``Annotations`` with an XML file for each picture of ``JPEGImages``, and the lists of ``ImageSets/Main``.

    ``images`` may stand for ``JPEGImages``, and the XML files may lie beside the pictures. Without lists the set is divided as a whole.
    Classes are the lines of ``classes.txt`` where it is there, else the names that occur, sorted. Objects that are marked as difficult
    don't count. Pixels are counted from 1, as VOC does, unless a box begins at 0.
    """

    title: ClassVar[str] = "pictures with boxes in Pascal VOC's XML"
    form: ClassVar[str] = "voc:DIR"
    needs: ClassVar[tuple[str, ...]] = ("PIL",)
    extra: ClassVar[str | None] = "detection"

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by mAP. Raises `BadInput` for folders and files that can't be used."""
        folder = user_path(spec.argument)
        if not spec.argument or not folder.is_dir():
            raise BadInput(f"there is no folder {spec.argument!r}; write voc:DIR with the folder that holds Annotations and JPEGImages")
        labels, pictures = _inside(folder, "Annotations", "annotations"), _inside(folder, "JPEGImages", "images", "Images")
        files = {path.stem: path for path in sorted(labels.glob("*.xml"))}
        if not files:
            raise BadInput(f"{labels} holds no .xml files; VOC has one for each picture")
        by_name = {path.stem: path for path in sorted(pictures.iterdir()) if path.suffix.lower() in SUFFIXES}
        read = []
        for part, stems in _parts(folder, files).items():
            for stem in stems:
                if stem not in files or stem not in by_name:
                    missing, place = (f"{stem}.xml", labels) if stem not in files else (f"no picture called {stem}", pictures)
                    raise BadInput(f"{place} holds {missing}" if stem in files else f"{place} has no {missing}, which a list names")
                read.append((by_name[stem], part, *_read(files[stem], by_name[stem])))
        kinds = _classes(folder, {name for *_, boxes in read for name, _, _ in boxes})
        first = 0 if any(min(corners) < 1 for *_, boxes in read for _, corners, _ in boxes) else 1
        numbers = {name: i for i, name in enumerate(kinds)}
        found = [
            Boxed(
                path,
                part,
                width,
                height,
                tuple((numbers[name], x - first, y - first, right, low, out) for name, (x, y, right, low), out in boxes),
            )
            for path, part, (width, height), boxes in read
        ]
        parts = {one.part for one in found}
        if len(parts) == 1:
            found = [replace(one, part="") for one in found]
        return detection_task(f"voc:{folder.resolve().name}", found, tuple(kinds), spec)


def _classes(folder: Path, names: set[str]) -> list[str]:
    """The classes in the order of their numbers. Raises `BadInput` where there are none, or an object is of none of them."""
    path = folder / CLASSES
    if not names:
        raise BadInput(f"{folder} holds no object with a bndbox")
    if not path.is_file():
        return sorted(names)
    listed = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    if unknown := sorted(names - set(listed)):
        raise BadInput(f"{path} lacks the class {unknown[0]!r}, which an object has; add it at the place of its number in the model")
    return listed


def _inside(folder: Path, *names: str) -> Path:
    """The folder of one of these names; else the folder itself, where labels and pictures lie side by side."""
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def _parts(folder: Path, files: dict[str, Path]) -> dict[str, list[str]]:
    """Names of the pictures of each part, by the lists; all in one part without a name where there are none."""
    lists = folder / "ImageSets" / "Main"
    found: dict[str, list[str]] = {}
    for name, part in _LISTS.items():
        path = lists / f"{name}.txt"
        if path.is_file() and part not in found:
            found[part] = [line.split()[0] for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return {part: stems for part, stems in found.items() if stems} or {"": list(files)}


def _read(file: Path, picture: Path) -> tuple[tuple[float, float], list[Named]]:
    """The picture's width and height, and its boxes."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadInput(f"{file} has more than {MOST_BYTES:,} bytes; VOC's files of labels are far smaller")
        root = ElementTree.fromstring(contents(file))
        boxes = [_box(one) for one in root.findall("object")]
        size = tuple(float(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    except (ElementTree.ParseError, ValueError, TypeError) as error:
        raise BadInput(f"{file} is not VOC's XML: each object needs a name and a bndbox of numbers ({error})") from error
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror}") from error
    width, height = size if min(size) >= 1 else picture_size(picture)
    return (width, height), boxes


def _box(one: ElementTree.Element) -> Named:
    """An object's name, corners, and whether it counts."""
    name = (one.findtext("name") or "").strip()
    if not name:
        raise ValueError("an object has no name")
    x, y, right, low = (float(one.findtext(f"bndbox/{corner}") or "nothing") for corner in _CORNERS)
    return name, (x, y, right, low), float((one.findtext("difficult") or "0").strip() == "1")
