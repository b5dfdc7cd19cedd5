from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from thimble.core.errors import BadInput
from thimble.core.task import TaskSpec
from thimble.data import check_task, open_task, present_splits

RNG = np.random.default_rng(0)


def drawn(folder: Path, count: int = 40, rows: int = 6) -> list[list[tuple[int, int, int]]]:
    """Pictures of 64 pixels by eight for each row, with squares of 8 x 8, red or green; class, column and row of each."""
    folder.mkdir(parents=True)
    found = []
    for i in range(count):
        pixels = RNG.integers(0, 40, (8 * rows, 64, 3)).astype(np.uint8)
        boxes = [(int(RNG.integers(2)), int(c % 8), int(c // 8)) for c in RNG.choice(8 * rows, i % 3 + 1, replace=False)]
        for kind, column, row in boxes:
            pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8, kind] = 250
        Image.fromarray(pixels).save(folder / f"{i:03}.png")
        found.append(boxes)
    return found


def coco(folder: Path, rows: int = 6) -> str:
    boxes = drawn(folder / "images", rows=rows)
    data: dict[str, Any] = {
        "images": [{"id": 10 + i, "file_name": f"{i:03}.png", "width": 64, "height": 8 * rows} for i in range(len(boxes))],
        "categories": [{"id": 7, "name": "green"}, {"id": 3, "name": "red"}],
        "annotations": [],
    }
    for i, some in enumerate(boxes):
        for kind, column, row in some:
            box = [8 * column, 8 * row, 8, 8]
            data["annotations"].append({"id": len(data["annotations"]), "image_id": 10 + i, "category_id": (3, 7)[kind], "bbox": box})
    (folder / "boxes.json").write_text(json.dumps(data))
    return f"coco:{folder / 'boxes.json'},{folder / 'images'}"


def yolo(folder: Path) -> str:
    for part in ("train", "val"):
        boxes = drawn(folder / "images" / part)
        (folder / "labels" / part).mkdir(parents=True)
        for i, some in enumerate(boxes):
            lines = [f"{kind} {(column + 0.5) / 8} {(row + 0.5) / 6} {1 / 8} {1 / 6}" for kind, column, row in some]
            (folder / "labels" / part / f"{i:03}.txt").write_text("\n".join(lines))
    (folder / "data.yaml").write_text("train: images/train\nval: images/val  # held out\nnames:\n  0: red\n  1: green\n")
    return f"yolo:{folder / 'data.yaml'}"


def squares(task: Any) -> int:
    """How many boxes lie on squares of their colour, and none on anything else."""
    count = 0
    for split in present_splits(task).values():
        batch = next(iter(split.batches(1000)))
        for picture, rows in zip(batch.inputs["input"], batch.targets, strict=True):
            assert rows[0].tolist() == [64, 64, 2, 0, 0, 0]
            for kind, x1, y1, x2, y2, _ in rows[1:][rows[1:, 0] >= 0]:
                inside = picture[:, int(y1) + 2 : int(y2) - 2, int(x1) + 1 : int(x2) - 1].mean((1, 2))
                assert inside.argmax() == int(kind)
                assert inside.max() > 0.9
                count += 1
    return count


@pytest.mark.parametrize(("source", "boxes"), [(coco, 79), (yolo, 158)])
def test_boxes_lie_where_they_were_drawn(source: Any, boxes: int, tmp_path: Path) -> None:
    task = open_task(TaskSpec(source(tmp_path), 64))
    assert (task.metric, task.labels) == ("mean_ap", ("red", "green"))
    check_task(task)
    assert squares(task) == boxes


def test_masks_are_classes(tmp_path: Path) -> None:
    drawn(tmp_path / "images", 30)
    (tmp_path / "masks").mkdir()
    for path in (tmp_path / "images").iterdir():
        pixels = np.asarray(Image.open(path))
        mask = np.where(pixels[..., 0] > 200, 1, np.where(pixels[..., 1] > 200, 2, 0)).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / path.name)
    task = open_task(TaskSpec(f"masks:{tmp_path}", 32, mean=(0.0,), std=(1.0,)))
    assert (task.metric, len(task.labels)) == ("mean_iou", 3)
    batch = next(iter(task.split("test").batches(100)))
    assert batch.targets.shape == (len(batch), 32, 32)
    assert (batch.inputs["input"][:, 0][batch.targets == 1] > 0.5).mean() > 0.9


def test_black_and_white_masks_have_two_classes(tmp_path: Path) -> None:
    drawn(tmp_path / "images", 30)
    (tmp_path / "masks").mkdir()
    for path in (tmp_path / "images").iterdir():
        Image.fromarray((np.asarray(Image.open(path)).max(2) > 200).astype(np.uint8) * 255).save(tmp_path / "masks" / path.name)
    task = open_task(TaskSpec(f"masks:{tmp_path}", 32))
    assert set(np.unique(task.split("test").targets)) == {0, 1}
    assert any("255 is taken as class 1" in note for note in task.notes)


@pytest.mark.parametrize("spec", ["coco:nothing.json", "coco:{0}/a.json,{0}", "yolo:nothing", "masks:{0}", "masks:nowhere"])
def test_what_is_none_is_refused_in_one_line(spec: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(BadInput) as error:
        open_task(TaskSpec(spec.format(tmp_path)))
    assert "\n" not in str(error.value)
