from __future__ import annotations

import json
from dataclasses import replace
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


def voc(folder: Path, lists: tuple[str, ...] = ("train", "val")) -> str:
    boxes, names = drawn(folder / "JPEGImages"), ("red", "green")
    (folder / "Annotations").mkdir()
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for i, some in enumerate(boxes):
        objects = [
            f"<object><name>{names[kind]}</name><difficult>{int(kind == 1 and i == 5)}</difficult><bndbox>"
            f"<xmin>{8 * column + 1}</xmin><ymin>{8 * row + 1}</ymin><xmax>{8 * column + 8}</xmax><ymax>{8 * row + 8}</ymax></bndbox>"
            "<part><name>edge</name></part></object>"
            for kind, column, row in some
        ]
        size = "<size><width>64</width><height>48</height></size>" if i % 2 else ""
        (folder / "Annotations" / f"{i:03}.xml").write_text(f"<annotation>{size}{''.join(objects)}</annotation>")
    for n, name in enumerate(lists):
        rows = range(len(boxes) * n // len(lists), len(boxes) * (n + 1) // len(lists))
        (folder / "ImageSets" / "Main" / f"{name}.txt").write_text("".join(f"{i:03} 1\n" for i in rows))
    return f"voc:{folder}"


def squares(task: Any) -> int:
    """How many boxes lie on squares of their colour, and none on anything else."""
    count = 0
    for split in present_splits(task).values():
        batch = next(iter(split.batches(1000)))
        for picture, rows in zip(batch.inputs["input"], batch.targets, strict=True):
            assert rows[0].tolist() == [64, 64, 2, 0, 0, 0]
            for kind, x1, y1, x2, y2, _ in rows[1:][rows[1:, 0] >= 0]:
                inside = picture[:, int(y1) + 2 : int(y2) - 2, int(x1) + 1 : int(x2) - 1].mean((1, 2))
                assert ("red", "green", "blue")[inside.argmax()] == task.labels[int(kind)]
                assert inside.max() > 0.9
                count += 1
    return count


@pytest.mark.parametrize("resizing", [None, "letterbox"])
@pytest.mark.parametrize(("source", "boxes"), [(coco, 79), (yolo, 158), (voc, 79)])
def test_boxes_lie_where_they_were_drawn(source: Any, boxes: int, resizing: str | None, tmp_path: Path) -> None:
    task = open_task(TaskSpec(source(tmp_path), 64, resizing=resizing))
    assert task.metric == "mean_ap"
    assert sorted(task.labels) == ["green", "red"]
    check_task(task)
    assert squares(task) == boxes


def test_a_yolo_detectors_pictures_keep_their_proportions(tmp_path: Path) -> None:
    spec = TaskSpec(coco(tmp_path), 64, gives={"output0": (1, 84, 8400)})
    task = open_task(spec)
    picture = next(iter(task.split("test").batches(1))).inputs["input"][0]
    assert np.allclose(picture[:, :8], 114 / 255)
    assert np.allclose(picture[:, 56:], 114 / 255)
    assert picture[:, 8:56].max() < 114 / 255 or picture[:, 8:56].max() > 0.9
    assert any("bars of grey 114" in note for note in task.notes)
    for other in (replace(spec, resizing="stretch"), replace(spec, gives={"boxes": (1, 100, 4), "scores": (1, 100), "labels": (1, 100)})):
        assert not np.isclose(next(iter(open_task(other).split("test").batches(1))).inputs["input"][0, :, :8], 114 / 255).all()


def test_difficult_objects_of_voc_do_not_count_and_lists_divide(tmp_path: Path) -> None:
    whole = open_task(TaskSpec(voc(tmp_path / "a", ()), 64))
    listed = open_task(TaskSpec(voc(tmp_path / "b", ("trainval", "test")), 64, weights_given=True))
    assert [len(split) for split in present_splits(whole).values()] == [18, 4, 6, 12]
    assert sum(len(present_splits(listed)[name]) for name in ("train", "calibration")) == 20
    rows = np.concatenate([split.targets[:, 1:].reshape(-1, 6) for split in present_splits(whole).values()])
    assert (rows[rows[:, 0] >= 0][:, 5] == 1).sum() == (rows[:, 5] == 1).sum() <= 3


def test_a_list_gives_the_classes_of_voc_their_numbers(tmp_path: Path) -> None:
    spec = TaskSpec(voc(tmp_path), 64)
    (tmp_path / "classes.txt").write_text("person\nred\ngreen\n")
    assert open_task(spec).labels == ("person", "red", "green")
    (tmp_path / "classes.txt").write_text("red\n")
    with pytest.raises(BadInput, match="lacks the class 'green'"):
        open_task(spec)


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


@pytest.mark.parametrize(
    "spec",
    ["coco:nothing.json", "coco:{0}/a.json,{0}", "yolo:nothing", "voc:nowhere", "voc:{0}", "voc:{0}/bad", "masks:{0}", "masks:nowhere"],
)
def test_what_is_none_is_refused_in_one_line(spec: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "bad").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "bad" / "a.png")
    (tmp_path / "bad" / "a.xml").write_text("<annotation><object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object></annotation>")
    with pytest.raises(BadInput) as error:
        open_task(TaskSpec(spec.format(tmp_path)))
    assert "\n" not in str(error.value)
