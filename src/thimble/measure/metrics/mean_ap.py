"""Mean average precision, for detectors: COCO's, by its own matching."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

LEVELS = 10
"""Overlaps that count as found: 50, 55, ... 95 %."""
CLASS = 1 << 2 * LEVELS
"""A detection is stored as its class times this, plus a bit for each level it is right at and one where it is ignored."""


class MeanAp:
    """mAP@50:95 as COCO computes it: precision averaged over recall, over the classes that occur, and over ten overlaps.

    Detections are matched by ``pycocotools``, at most 100 of each class and image. Targets have shape ``(n, 1 + boxes, 6)``: first width
    and height of the input in pixels and the number of classes, then class, x1, y1, x2, y2 and 1 for boxes that don't count (crowds,
    difficult ones); rows of class -1 fill up.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = False
    draws: ClassVar[int] = 200

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per image: how many detections and boxes, then score and code of each detection, then the class of each box.

        Raises `BadInput` for targets of another shape, `MissingExtra` without pycocotools.
        """
        import numpy as np

        from thimble.measure.metrics._boxes import boxes_of, scaled

        if targets.ndim != 3 or targets.shape[2] != 6:
            raise BadInput(f"mAP needs targets of shape (n, 1 + boxes, 6), not {targets.shape}: give the data as coco:, voc: or yolo:")
        width, height, classes = (float(one) for one in targets[0, 0, :3])
        found = scaled(boxes_of(outputs, classes=int(classes)), width, height)
        rows = _matched(found, [image[1:][image[1:, 0] >= 0] for image in targets], int(classes))
        size = max(map(len, rows))
        return np.array([np.pad(row, (0, size - len(row))) for row in rows])

    def aggregate(self, scores: NDArray[Any]) -> float:
        """Return mAP@50:95, from 0 to 1."""
        return float(_precisions(scores).mean())

    def beside(self, scores: NDArray[Any]) -> dict[str, str]:
        """Return mAP@50."""
        return {"mAP@50": f"{100 * float(_precisions(scores)[0]):.2f} %"}


def _matched(found: list[NDArray[Any]], wanted: list[NDArray[Any]], classes: int) -> list[NDArray[Any]]:
    """Rows as `MeanAp.score` gives them, by COCO's own evaluation of each image."""
    import numpy as np

    evaluation = _evaluated(found, wanted, classes)
    rows: list[NDArray[Any]] = []
    by_image: dict[int, list[Any]] = {}
    for one in evaluation:
        if one is not None:
            by_image.setdefault(one["image_id"], []).append(one)
    bits = 1 << np.arange(LEVELS)
    for image in range(1, len(found) + 1):
        pairs, boxes = [], []
        for one in by_image.get(image, []):
            kind = one["category_id"]
            right, ignored = (one["dtMatches"] > 0).T @ bits, one["dtIgnore"].astype(bool).T @ bits
            codes = kind * CLASS + right + (ignored << LEVELS)
            pairs.append(np.stack([np.asarray(one["dtScores"]), codes], axis=1))
            boxes.append(np.full(int((np.asarray(one["gtIgnore"]) == 0).sum()), kind))
        detections = np.concatenate(pairs).ravel() if pairs else np.zeros(0)
        real = np.concatenate(boxes) if boxes else np.zeros(0)
        rows.append(np.concatenate([[len(detections) // 2, len(real)], detections, real]))
    return rows


def _evaluated(found: list[NDArray[Any]], wanted: list[NDArray[Any]], classes: int) -> list[Any]:
    import numpy as np

    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingExtra("pycocotools", "detection") from error
    truth, numbers = COCO(), range(1, len(found) + 1)
    boxes = [(image, box) for image, one in zip(numbers, wanted, strict=True) for box in one]
    truth.dataset = {
        "images": [{"id": image} for image in numbers],
        "categories": [{"id": kind} for kind in range(max(1, classes))],
        "annotations": [
            {"id": i, "image_id": image, "category_id": int(box[0]), "bbox": _sides(box[1:5]), "area": 1.0, "iscrowd": int(box[5])}
            for i, (image, box) in enumerate(boxes, 1)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        given = np.array([[i, *_sides(box), box[4], box[5]] for i, one in zip(numbers, found, strict=True) for box in one])
        evaluation = COCOeval(truth, truth.loadRes(given) if len(given) else COCO(), "bbox")
        evaluation.params.imgIds, evaluation.params.catIds = list(numbers), list(range(max(1, classes)))
        evaluation.params.areaRng, evaluation.params.areaRngLbl, evaluation.params.maxDets = [[0, 1e10]], ["all"], [100]
        if not len(given):
            evaluation.cocoDt.dataset = {**truth.dataset, "annotations": []}
            evaluation.cocoDt.createIndex()
        evaluation.evaluate()
    return list(evaluation.evalImgs)


def _sides(box: NDArray[Any]) -> list[float]:
    """Corner, width and height, as COCO has them."""
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def _precisions(rows: NDArray[Any]) -> NDArray[Any]:
    """Average precision at each of the ten overlaps, over the classes that have a box: COCO's sum over 101 recalls."""
    import numpy as np

    counts = rows[:, :2].astype(int)
    columns = np.arange(rows.shape[1] - 2)
    ends = 2 * counts[:, 0]
    pairs = rows[:, 2:][columns < ends[:, None]].reshape(-1, 2)
    real = rows[:, 2:][(columns >= ends[:, None]) & (columns < (ends + counts[:, 1])[:, None])].astype(int)
    codes = pairs[:, 1].astype(np.int64)
    kinds, wanted = codes // CLASS, np.bincount(real) if len(real) else np.zeros(0, int)
    present = np.flatnonzero(wanted)
    if not len(present):
        return np.zeros(LEVELS)
    order = np.argsort(-pairs[:, 0], kind="mergesort")
    kinds, codes = kinds[order], codes[order]
    levels = np.arange(LEVELS)
    return np.asarray(np.mean([_of_class(codes[kinds == kind], int(wanted[kind]), levels) for kind in present], axis=0))


def _of_class(codes: NDArray[Any], wanted: int, levels: NDArray[Any]) -> NDArray[Any]:
    """Average precision of one class at each overlap; the best detection first."""
    import numpy as np

    right, ignored = codes[None, :] >> levels[:, None] & 1, codes[None, :] >> (LEVELS + levels)[:, None] & 1
    hits, misses = np.cumsum(right & ~ignored & 1, axis=1), np.cumsum((1 - right) & (1 - ignored), axis=1)
    recall = hits / wanted
    precision = hits / np.maximum(hits + misses, np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    places = np.linspace(0, 1, 101)
    found = []
    for level in levels:
        at = np.searchsorted(recall[level], places, side="left")
        found.append(np.append(precision[level], 0.0)[at].mean())
    return np.array(found)
