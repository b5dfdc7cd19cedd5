"""What a network's outputs are, told from their shapes and from the operators that they end with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Shapes = Mapping[str, Sequence[int | None]]
"""Shapes of the outputs by name, the batch first; ``None`` is a free size."""

MOST_KEPT = 1000
"""Boxes that a detector gives behind non-maximum suppression, at most; more are candidates of a raw head."""
FEWEST_ANCHORS = 16
"""A raw detector has at least so many candidates."""
IMAGES = (1, 3, 4)
"""Channels of an output that is an image, and of a depth map, rather than a map of classes."""

RAW_FIRST, RAW_LAST, KEPT, PARTS, QUERIES = "channels first", "channels last", "kept boxes", "parts", "queries"
"""Forms of a detector's outputs; see `detector`."""


def detector(shapes: Shapes) -> str | None:
    """Return the form of a detector's outputs, ``None`` where they are no detector's.

    `RAW_FIRST`: (n, 4 + classes, candidates), YOLO v8, v9 and v11. `RAW_LAST`: (n, candidates, 5 + classes), YOLO v5 to v7.
    `KEPT`: (n, boxes, 6), behind non-maximum suppression. `PARTS`: boxes (n, boxes, 4), scores (n, boxes) and classes
    (n, boxes) as outputs of their own, as SSD and torchvision's detectors have them. `QUERIES`: boxes (n, candidates, 4) and
    scores of all classes (n, candidates, classes), as DETR and raw SSD have them.
    """
    rows, place = [tuple(shape) for shape in shapes.values()], box_output(shapes)
    if place is not None and len(rows) > 1:
        n = rows[place][1]
        flat = [shape for shape in rows if len(shape) == 2 and shape[1] == n]
        wide = [shape for i, shape in enumerate(rows) if len(shape) == 3 and shape[1] == n and i != place]
        return PARTS if len(flat) >= 2 else QUERIES if wide else None
    if len(rows[0]) != 3 or (len(rows) > 1 and len(rows[1]) == 3 and rows[1][1] == rows[0][1]):
        return None
    rest = [math.inf if size is None else size for size in rows[0][1:]]
    if rest[1] == 6 and rest[0] <= MOST_KEPT:
        return KEPT
    if rest[1] >= FEWEST_ANCHORS and rest[1] > 4 * rest[0] and rest[0] >= 5:
        return RAW_FIRST
    return RAW_LAST if rest[1] >= 6 and rest[0] >= MOST_KEPT and rest[0] > 4 * rest[1] else None


def box_output(shapes: Shapes) -> int | None:
    """Return the place of the output that holds boxes, four numbers for each: the one called so, where several could be."""
    able = [i for i, shape in enumerate(shapes.values()) if len(shape) == 3 and shape[2] == 4]
    named = [i for i, name in enumerate(shapes) if i in able and "box" in name.lower()]
    return next(iter(named or able), None)


def metric_without_labels(shapes: Shapes, endings: Mapping[str, str]) -> str:
    """Return the metric that compares such outputs with the baseline's, by what they decide.

    ``endings`` are the operators that outputs end with, where they are known (`thimble.formats.ending_of`). Boxes are compared
    after decoding, text after decoding, classes and masks by decision, everything else by its relative error.
    """
    name, shape = next(iter(shapes.items()))
    end, size = endings.get(name), len(shape)
    if detector(shapes) is not None:
        return "box_agreement"
    if size == 3 and end in ("softmax", "log_softmax"):
        return "text_agreement"
    if size == 4:
        decided = end in ("softmax", "log_softmax", "sigmoid") or shape[1] not in IMAGES
        return "map_agreement" if decided else "fidelity"
    if size == 1 or (size == 2 and shape[1] == 1):
        return "agreement" if end == "sigmoid" else "fidelity"
    return "agreement" if size == 2 else "fidelity"
