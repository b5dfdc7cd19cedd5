from __future__ import annotations

import pytest

from thimble.core.head import KEPT, PARTS, QUERIES, RAW_FIRST, RAW_LAST, detector, metric_without_labels


@pytest.mark.parametrize(
    ("shapes", "form"),
    [
        ({"output0": (None, 84, 8400)}, RAW_FIRST),  # YOLO v8 to v11, 640 pixels
        ({"output0": (1, 5, 336)}, RAW_FIRST),  # one class, 128 pixels
        ({"output": (1, 25200, 85)}, RAW_LAST),  # YOLO v5
        ({"output": (1, 25200, 6)}, RAW_LAST),  # of one class
        ({"output0": (None, 300, 6)}, KEPT),  # YOLO v10, and exports with NMS
        ({"boxes": (1, 100, 4), "scores": (1, 100), "labels": (1, 100)}, PARTS),
        ({"num": (1, 1), "boxes": (1, 100, 4), "scores": (1, 100), "classes": (1, 100)}, PARTS),
        ({"logits": (None, 100, 92), "pred_boxes": (None, 100, 4)}, QUERIES),
        ({"scores": (1, 8732, 21), "boxes": (1, 8732, 4)}, QUERIES),
        ({"output": (None, 10)}, None),
        ({"output": (None, 25, 97)}, None),  # a recogniser: steps and characters
        ({"output": (None, 128, 9)}, None),  # a tagger
        ({"output": (None, 3, 64, 64)}, None),
    ],
)
def test_detectors_are_told_by_their_shapes(shapes: dict[str, tuple[int | None, ...]], form: str | None) -> None:
    assert detector(shapes) == form


@pytest.mark.parametrize(
    ("shape", "ending", "metric"),
    [
        ((None, 10), "linear", "agreement"),
        ((None, 10), "softmax", "agreement"),
        ((None, 1), "sigmoid", "agreement"),
        ((None,), "sigmoid", "agreement"),
        ((None, 1), "linear", "fidelity"),
        ((None,), None, "fidelity"),
        ((None, 21, 64, 64), "linear", "map_agreement"),
        ((None, 1, 64, 64), "sigmoid", "map_agreement"),
        ((None, 3, 64, 64), "linear", "fidelity"),
        ((None, 25, 97), "softmax", "text_agreement"),
        ((None, 25, 97), "linear", "fidelity"),
        ((None, 84, 2100), None, "box_agreement"),
        ((None, 4, 5, 6, 7), None, "fidelity"),
    ],
)
def test_outputs_without_labels_are_judged_by_what_they_decide(shape: tuple[int | None, ...], ending: str | None, metric: str) -> None:
    assert metric_without_labels({"output": shape}, {"output": ending} if ending else {}) == metric
