"""Pictures with boxes in COCO's form: ``coco:FILE,DIR``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.task import Task, TaskSpec
from thimble.data._pictures import Boxed, detection_task, picture_size


class Coco:
    """``coco:instances.json,images``: COCO's annotations of boxes, and the folder of the pictures.

    Classes are the categories in the order of their numbers. Crowds don't count. The set is divided as a whole.
    """

    title: ClassVar[str] = "pictures with boxes in COCO's JSON"
    form: ClassVar[str] = "coco:FILE,DIR"
    needs: ClassVar[tuple[str, ...]] = ("PIL",)
    extra: ClassVar[str | None] = "detection"

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by mAP. Raises `BadInput` for a file that is damaged, or pictures that aren't there."""
        place, comma, pictures = spec.argument.partition(",")
        file, folder = user_path(place), user_path(pictures or ".")
        if not comma or not file.is_file() or not folder.is_dir():
            raise BadInput(f"{spec.spec} can't be read; write coco:FILE,DIR with COCO's JSON and the folder of its pictures")
        try:
            data = json.loads(file.read_bytes())
            found, labels = _read(data, folder)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadInput(f"{file} is not COCO's JSON: it needs images, annotations with bbox, and categories ({error!r})") from error
        return detection_task(f"coco:{file.name}", found, labels, spec)


def _read(data: Any, folder: Path) -> tuple[list[Boxed], tuple[str, ...]]:
    kinds = sorted(data["categories"], key=lambda one: int(one["id"]))
    numbers = {int(one["id"]): i for i, one in enumerate(kinds)}
    boxes: dict[Any, list[tuple[float, ...]]] = {}
    for one in data["annotations"]:
        x, y, width, height = map(float, one["bbox"])
        box = (numbers[int(one["category_id"])], x, y, x + width, y + height, float(bool(one.get("iscrowd", 0))))
        boxes.setdefault(one["image_id"], []).append(box)
    found = []
    for image in data["images"]:
        path = (folder / str(image["file_name"])).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise BadInput(f"the picture {image['file_name']!r} is not in {folder}")
        width, height = (image["width"], image["height"]) if {"width", "height"} <= set(image) else picture_size(path)
        found.append(Boxed(path, "", float(width), float(height), tuple(boxes.get(image["id"], []))))  # type: ignore[arg-type]
    return found, tuple(str(one["name"]) for one in kinds)
