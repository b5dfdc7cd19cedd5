"""Boxes out of a detector's outputs, whichever form they have; see `thimble.core.head.detector`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.errors import BadInput
from thimble.core.head import KEPT, PARTS, QUERIES, RAW_FIRST, box_output, detector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

SAME_IOU = 0.7
"""Overlap above which the lower of two boxes of a class is dropped (non-maximum suppression), as Ultralytics validates."""
MOST = 300
"""Boxes of an image, at most."""
CANDIDATES = 1000
"""Candidates of an image that non-maximum suppression looks at, the best first."""
NORMALISED = 2.0
"""Boxes whose corners all lie below this are shares of the image, else pixels."""


def boxes_of(outputs: Arrays, least: float = 0.001, classes: int | None = None) -> list[NDArray[Any]]:
    """Return per image the boxes that score ``least`` or more: x1, y1, x2, y2, score and class, the best first.

    ``classes`` is how many classes the labels have, where they are known: a head with one more has a class for nothing. Raises `BadInput`
    for outputs of no form that is known.
    """
    shapes = {name: array.shape for name, array in outputs.items()}
    form, place = detector(shapes), box_output(shapes)
    arrays = [array.astype(np.float64) for array in outputs.values()]
    if form is None:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise BadInput(f"outputs {given} are not of a known detector: YOLO v5 to v11 with or without NMS, SSD or DETR")
    if form == KEPT:
        found = [_kept(image) for image in arrays[0]]
    elif form == PARTS:
        found = _parts(arrays[place or 0], arrays)
    elif form == QUERIES:
        found = _queries(arrays[place or 0], arrays, classes)
    else:
        rows = arrays[0].transpose(0, 2, 1) if form == RAW_FIRST else arrays[0]
        found = _raw(rows, objectness=form != RAW_FIRST)
    return [_best(image[image[:, 4] >= least]) for image in found]


def scaled(boxes: list[NDArray[Any]], width: float, height: float) -> list[NDArray[Any]]:
    """Return boxes in pixels of the input, where they are shares of it."""
    largest = max((float(np.abs(image[:, :4]).max()) for image in boxes if len(image)), default=0.0)
    if largest > NORMALISED:
        return boxes
    return [image * np.array([width, height, width, height, 1, 1]) for image in boxes]


def overlaps(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
    """Return the intersection over union of every box with every other one, shape ``(len(ours), len(theirs))``."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:4], theirs[None, :, 2:4])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    sizes = [np.clip(one[:, 2:4] - one[:, :2], 0, None).prod(axis=1) for one in (ours, theirs)]
    union = sizes[0][:, None] + sizes[1][None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-12))


def _best(boxes: NDArray[Any]) -> NDArray[Any]:
    return boxes[np.argsort(-boxes[:, 4], kind="stable")][:MOST]


def _corners(boxes: NDArray[Any]) -> NDArray[Any]:
    """From centre, width and height to corners."""
    half = boxes[..., 2:4] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def _probabilities(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.min() >= 0 and values.max() <= 1 else 1 / (1 + np.exp(-np.clip(values, -500, 500)))


def _raw(rows: NDArray[Any], objectness: bool) -> list[NDArray[Any]]:
    """Every candidate with its scores of all classes; YOLO v5 and v7 multiply them by a score for any object."""
    scores = _probabilities(rows[..., 4:])
    scores = scores[..., :1] * scores[..., 1:] if objectness else scores
    corners = _corners(rows)
    made = np.concatenate([corners, scores.max(axis=2, keepdims=True), scores.argmax(axis=2)[..., None]], axis=2)
    return [_suppressed(image) for image in made]


def _suppressed(boxes: NDArray[Any]) -> NDArray[Any]:
    """Non-maximum suppression, class by class."""
    boxes = boxes[boxes[:, 4] >= 0.001]
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")][:CANDIDATES]
    same = (overlaps(boxes, boxes) > SAME_IOU) & (boxes[:, None, 5] == boxes[None, :, 5])
    keep = np.ones(len(boxes), dtype=bool)
    for i in range(len(boxes)):
        if keep[i]:
            keep[i + 1 :] &= ~same[i, i + 1 :]
    return boxes[keep]


def _kept(image: NDArray[Any]) -> NDArray[Any]:
    return image[(image[:, 2] > image[:, 0]) & (image[:, 3] > image[:, 1])]


def _parts(boxes: NDArray[Any], arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Boxes, scores and classes apart; the classes are those of the two that are whole numbers."""
    flat = [one for one in arrays if one.ndim == 2 and one.shape[1] == boxes.shape[1]][:2]
    whole = [bool((one == np.round(one)).all()) for one in flat]
    scores, kinds = flat if whole[1] or not whole[0] else flat[::-1]
    joined = np.concatenate([boxes, scores[..., None], kinds[..., None]], axis=2)
    return [_kept(image) for image in joined]


def _queries(boxes: NDArray[Any], arrays: list[NDArray[Any]], classes: int | None) -> list[NDArray[Any]]:
    """Boxes with the scores of all classes: DETR's queries, or an SSD's anchors, which are still to be suppressed."""
    scores = next(one for one in arrays if one.ndim == 3 and one.shape[1] == boxes.shape[1] and one is not boxes)
    anchors = boxes.shape[1] > MOST
    softmax = bool(np.allclose(scores.sum(axis=2), 1, atol=1e-3)) or (classes is not None and scores.shape[2] == classes + 1)
    if softmax:
        scores = np.exp(scores - scores.max(axis=2, keepdims=True)) if scores.min() < 0 or scores.max() > 1 else scores
        scores = scores / scores.sum(axis=2, keepdims=True)
        scores = scores[..., 1:] if anchors else scores[..., :-1]  # the class for nothing: SSD's first, DETR's last
    else:
        scores = _probabilities(scores)
    ordered = (boxes[..., 2:] > boxes[..., :2]).mean() > 0.99
    corners = boxes if ordered else _corners(boxes)
    made = np.concatenate([corners, scores.max(axis=2, keepdims=True), scores.argmax(axis=2)[..., None]], axis=2)
    return [_suppressed(image) if anchors else image for image in made]
