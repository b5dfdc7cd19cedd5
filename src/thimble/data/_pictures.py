"""What sources of pictures with boxes or masks share: reading files, boxes in pixels of the input, and splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.head import KEPT, RAW_FIRST, RAW_LAST, detector
from thimble.core.preprocess import Preprocess
from thimble.core.task import TaskSpec
from thimble.data._folder import ImageFile
from thimble.data._foreign import decoding
from thimble.data._preprocess import preprocess_for
from thimble.data._rules import check_counts, divide
from thimble.data._split import SplitTask
from thimble.data.imagefolder import image_splits

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 640
"""Image height and width in pixels where nothing else tells."""
GREY = 114
"""The bars' grey value in YOLO's letterboxing, 0 to 255: Ultralytics' `LetterBox`, and YOLO v5 to v7 before it."""
YOLO = (RAW_FIRST, RAW_LAST, KEPT)
"""Forms of outputs that YOLO's exports have; SSD's and DETR's inputs are stretched."""


@dataclass(frozen=True)
class Boxed:
    """One picture: its file, the part it came in, width and height, and its boxes.

    A box is class, x1, y1, x2, y2 in pixels of the picture, and 1 where it doesn't count.
    """

    path: Path
    part: str
    width: float
    height: float
    boxes: tuple[tuple[float, float, float, float, float, float], ...]


@dataclass(frozen=True)
class Pictures:
    """Pictures with what a metric compares answers with: files with the part that each came in, and a target for each, in their order."""

    name: str
    files: Sequence[tuple[Path, str]]
    targets: NDArray[Any]
    labels: tuple[str, ...]
    metric: str


def detection_task(name: str, pictures: Sequence[Boxed], labels: tuple[str, ...], spec: TaskSpec) -> SplitTask:
    """The task, scored by mAP. Pictures are brought to the input as the detector's family does it, and their boxes with them.

    Raises `BadInput` for no pictures, and for boxes of unknown classes.
    """
    if not pictures:
        raise BadInput(f"{spec.spec} has no pictures")
    kinds = {int(box[0]) for one in pictures for box in one.boxes}
    if kinds and (min(kinds) < 0 or max(kinds) >= len(labels)):
        raise BadInput(f"{spec.spec} has a box of class {max(kinds)}, and there are {len(labels)} classes: 0 to {len(labels) - 1}")
    preprocess = boxed(spec, straight(spec, Preprocess(SIDE, None, mean=(0.0,), std=(1.0,))))
    targets = _targets(pictures, len(labels), preprocess)
    found = Pictures(name, [(one.path, one.part) for one in pictures], targets, labels, "mean_ap")
    made = pictures_task(found, spec, preprocess)
    made.notes = (_resizing_note(spec, preprocess), *made.notes)
    return made


def boxed(spec: TaskSpec, made: Preprocess) -> Preprocess:
    """The transform with bars or without, as the specification asks; else as the model's own, or as its family is evaluated."""
    if spec.resizing is not None:
        return replace(made, pad=GREY if spec.resizing == "letterbox" else None)
    if spec.preprocess is not None:
        return made
    return replace(made, pad=GREY if spec.gives and detector(spec.gives) in YOLO else None)


def _resizing_note(spec: TaskSpec, made: Preprocess) -> str:
    """How pictures get the input's size, for the study."""
    size = f"{made.width or made.size} x {made.size}"
    if made.pad is None:
        return f"pictures are stretched to {size}; --resizing letterbox keeps their proportions, as YOLO's detectors are evaluated"
    said = "" if spec.resizing or spec.preprocess else ", as YOLO's detectors are evaluated (--resizing stretch leaves the bars out)"
    return f"pictures are scaled to fit {size}, with bars of grey {made.pad} around them{said}"


def straight(spec: TaskSpec, default: Preprocess) -> Preprocess:
    """The transform without a crop: what is cut off would take boxes and masks with it."""
    return replace(preprocess_for(spec, default), resize=None)


def _targets(pictures: Sequence[Boxed], classes: int, preprocess: Preprocess) -> NDArray[Any]:
    """Targets as `thimble.measure.metrics.mean_ap` has them."""
    import numpy as np

    most = max((len(one.boxes) for one in pictures), default=0)
    targets = np.full((len(pictures), 1 + most, 6), -1.0, np.float32)
    targets[:, 0] = (preprocess.width or preprocess.size, preprocess.size, classes, 0, 0, 0)
    for i, one in enumerate(pictures):
        if one.boxes:
            wide, high, left, top = preprocess.placed(one.width, one.height)
            across, down = wide / one.width, high / one.height
            boxes = np.array(one.boxes) * np.array([1, across, down, across, down, 1])
            targets[i, 1 : 1 + len(one.boxes)] = boxes + np.array([0, left, top, left, top, 0])
    return targets


def pictures_task(found: Pictures, spec: TaskSpec, preprocess: Preprocess) -> SplitTask:
    """A task of pictures that came in parts, one part after the other; a part without a name is divided."""
    images = [ImageFile(str(path), part, digest(path)) for path, part in found.files]
    parts = list(dict.fromkeys(part for _, part in found.files))
    sizes: Mapping[str, int] = {part: sum(one.label == part for one in images) for part in parts}
    division = divide(sizes, [0] * len(images), [one.digest for one in images], spec)
    check_counts(division.rows, (), spec.spec)
    splits = image_splits(images, [0] * len(images), division, preprocess)
    for split, rows in division.rows.items():
        splits[split].targets = found.targets[rows]
    return SplitTask(found.name, found.metric, found.labels, splits, preprocess, tuple(division.notes))


def digest(path: Path) -> str:
    """A digest of a file's bytes; raises `BadInput` where it can't be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:24]
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is shown; raises `BadInput` for what is none."""
    from PIL import Image

    with decoding(path), Image.open(path) as image:
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        width, height = image.size
    return (height, width) if turned else (width, height)
