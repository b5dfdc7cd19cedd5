from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.measure.metrics._boxes import boxes_of, overlaps
from thimble.measure.metrics.box_agreement import BoxAgreement

SIZE, CLASSES = 64, 3


def scene(seed: int, images: int = 30) -> tuple[list[Any], list[Any]]:
    """Boxes of some images, and what a mediocre detector finds of them: x1, y1, x2, y2, score, class."""
    rng = np.random.default_rng(seed)
    wanted, found = [], []
    for _ in range(images):
        corner, sides = rng.uniform(0, 40, (rng.integers(0, 5), 2)), rng.uniform(6, 24, (5, 2))
        boxes = np.concatenate([corner, corner + sides[: len(corner)]], 1)
        kinds = rng.integers(0, CLASSES, len(boxes))
        wanted.append(np.concatenate([kinds[:, None], boxes, np.zeros((len(boxes), 1))], 1))
        moved = boxes + rng.normal(0, 2, boxes.shape)
        some = rng.random(len(boxes)) < 0.8
        extra = rng.uniform(0, 40, (2, 2))
        guesses = np.concatenate([moved[some], np.concatenate([extra, extra + 10], 1)])
        labels = np.concatenate([kinds[some], rng.integers(0, CLASSES, 2)])
        found.append(np.concatenate([guesses, rng.uniform(0.05, 1, (len(guesses), 1)), labels[:, None]], 1))
    return wanted, found


def as_targets(wanted: list[Any]) -> Any:
    most = max(map(len, wanted))
    targets = np.full((len(wanted), 1 + most, 6), -1.0)
    targets[:, 0] = (SIZE, SIZE, CLASSES, 0, 0, 0)
    for i, boxes in enumerate(wanted):
        targets[i, 1 : 1 + len(boxes)] = boxes
    return targets


def as_kept(found: list[Any]) -> Any:
    rows = np.zeros((len(found), 20, 6), np.float32)
    for i, boxes in enumerate(found):
        rows[i, : len(boxes)] = boxes
    return rows


def coco(wanted: list[Any], found: list[Any]) -> Any:
    """COCOeval's own twelve figures."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def sides(box: Any) -> list[float]:
        return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]

    boxes = [(i, box) for i, one in enumerate(wanted, 1) for box in one]
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i} for i in range(1, len(wanted) + 1)],
        "categories": [{"id": k} for k in range(CLASSES)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": int(b[0]), "bbox": sides(b[1:5]), "area": float((b[3:5] - b[1:3]).prod()), "iscrowd": 0}
            for n, (i, b) in enumerate(boxes, 1)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        kept = as_kept(found).astype(float)
        given = [[i, *sides(b), b[4], b[5]] for i, one in enumerate(kept, 1) for b in one if b[4] > 0]
        evaluation = COCOeval(truth, truth.loadRes(np.array(given)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_map_is_what_coco_computes(seed: int) -> None:
    pytest.importorskip("pycocotools")
    from thimble.measure.metrics.mean_ap import MeanAp

    wanted, found = scene(seed)
    targets, outputs, metric = as_targets(wanted), as_kept(found), MeanAp()
    rows = metric.score({"boxes": outputs}, targets)
    theirs = coco(wanted, found)
    assert 0.05 < theirs[0] < 0.9
    assert metric.aggregate(rows) == pytest.approx(theirs[0], abs=1e-9)
    assert metric.beside(rows) == {"mAP@50": f"{100 * theirs[1]:.2f} %"}
    parts = [metric.score({"boxes": outputs[i : i + 7]}, targets[i : i + 7]) for i in range(0, 30, 7)]
    width = max(part.shape[1] for part in parts)
    joined = np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts])
    assert metric.aggregate(joined) == pytest.approx(theirs[0], abs=1e-9)


def test_nothing_found_is_nothing() -> None:
    pytest.importorskip("pycocotools")
    from thimble.measure.metrics.mean_ap import MeanAp

    wanted, _ = scene(0)
    rows = MeanAp().score({"boxes": np.zeros((30, 20, 6))}, as_targets(wanted))
    assert MeanAp().aggregate(rows) == 0


def heads(found: list[Any]) -> dict[str, dict[str, Any]]:
    """The same boxes in every form that a detector has."""
    kept, n = as_kept(found), len(found)
    corners, scores, kinds = kept[..., :4], kept[..., 4], kept[..., 5].astype(int)
    middle = np.concatenate([(corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]], 2)
    one_hot = np.eye(CLASSES)[kinds] * scores[..., None]
    raw = np.zeros((n, 1200, 4 + CLASSES), np.float32)
    raw[:, :20] = np.concatenate([middle, one_hot], 2)
    old = np.insert(raw, 4, 1.0, axis=2)
    old[..., 4] = raw[..., 4:].max(2) ** 0.5
    old[..., 5:] = np.where(old[..., 4:5] > 0, raw[..., 4:] / np.maximum(old[..., 4:5], 1e-9), 0)
    logits = np.log(np.clip(one_hot, 1e-6, 1 - 1e-6) / (1 - np.clip(one_hot, 1e-6, 1 - 1e-6)))
    nothing = np.concatenate([one_hot, 1 - one_hot.sum(2, keepdims=True)], 2)
    return {
        "yolo v8": {"output0": raw.transpose(0, 2, 1)},
        "yolo v5": {"output": old},
        "nms": {"output0": kept},
        "parts": {"boxes": corners / SIZE, "scores": scores, "labels": kinds},
        "rt-detr": {"logits": logits, "boxes": middle / SIZE},
        "detr": {"pred_logits": np.log(np.clip(nothing, 1e-9, 1)), "pred_boxes": middle / SIZE},
    }


@pytest.mark.parametrize("form", ["yolo v8", "yolo v5", "parts", "rt-detr", "detr"])
def test_every_head_gives_the_same_boxes(form: str) -> None:
    _, found = scene(3)
    given = heads(found)
    if form == "detr":  # without labels nothing tells its last class from the others
        given["detr"]["pred_logits"] = np.exp(given["detr"]["pred_logits"])
    size = 1.0 if "yolo" in form else SIZE
    alike = BoxAgreement().compare(given[form], {"output0": given["nms"]["output0"] / np.array([size] * 4 + [1, 1])})
    assert alike.min() > (0.6 if "yolo" in form else 0.99)  # suppression may merge two boxes of a class
    assert alike.mean() > 0.98
    if form != "yolo v5":
        pytest.importorskip("pycocotools")
        from thimble.measure.metrics.mean_ap import MeanAp

        wanted, metric = scene(3)[0], MeanAp()
        figures = [metric.aggregate(metric.score(given[one], as_targets(wanted))) for one in (form, "nms")]
        assert figures[0] == pytest.approx(figures[1], abs=0.02)


def test_two_anchors_of_thousands_change_little() -> None:
    _, found = scene(4)
    raw = heads(found)["yolo v8"]["output0"]
    other = raw.copy()
    other[:, 4:, 600:602] = 0.01
    assert BoxAgreement().compare({"a": other}, {"a": raw}).mean() == 1.0
    other[:, :4] += 100
    assert BoxAgreement().compare({"a": other}, {"a": raw}).mean() < 0.2


def test_outputs_of_no_detector_are_named() -> None:
    with pytest.raises(BadInput, match="not of a known detector"):
        boxes_of({"output": np.zeros((2, 10))})


def test_overlap_is_intersection_over_union() -> None:
    one, other = np.array([[0, 0, 2, 2.0]]), np.array([[1, 1, 3, 3.0], [5, 5, 6, 6]])
    assert overlaps(one, other).tolist() == [[1 / 7, 0]]
