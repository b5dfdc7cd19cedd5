"""Images in one folder per class: ``imagefolder:DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import Task, TaskSpec
from thimble.core.values import listed
from thimble.data._folder import ImageFile, class_folders, read_folder
from thimble.data._foreign import decoding
from thimble.data._preprocess import preprocess_for
from thimble.data._rules import Division, check_counts, divide
from thimble.data._split import ImageSplit, SplitTask

_NAMES = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test", "testing")}


class Imagefolder:
    """``imagefolder:DIR``: class folders, or ``train``, ``val`` and ``test`` with class folders in each.

    Classes are numbered in the sorted order of their folders' names. Images are read when they are needed, and a set
    of any size takes little memory. See `thimble.data._rules` for how splits are made.
    """

    title: ClassVar[str] = "images, one folder per class"
    form: ClassVar[str] = "imagefolder:DIR"
    needs: ClassVar[tuple[str, ...]] = ("PIL",)
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by accuracy. Raises `BadInput` for folders that can't be used."""
        folder = user_path(spec.argument)
        if not spec.argument or not folder.is_dir():
            raise BadInput(f"there is no folder {spec.argument!r}; write imagefolder:DIR with a folder of class folders")
        parts = split_folders(folder)
        read = {name: read_folder(part) for name, part in (parts or {"": folder}).items()}
        files = {name: found for name, (found, _) in read.items()}
        images = [image for part in files.values() for image in part]
        labels = classes_of(files, folder)
        if spec.classes_of_head not in (None, len(labels)):
            raise BadInput(f"the model's head has {spec.classes_of_head} outputs, {folder} has {len(labels)} classes: the two must agree")
        division = divided_images(files, spec)
        check_counts(division.rows, labels, str(folder))
        notes = (*(note for _, told in read.values() for note in told), *division.notes)
        preprocess = preprocess_for(spec, Preprocess(224, 224))
        targets = {label: i for i, label in enumerate(labels)}
        splits = image_splits(images, [targets[image.label] for image in images], division, preprocess)
        return SplitTask(f"imagefolder:{folder.resolve().name}", "accuracy", labels, splits, preprocess, notes)


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the parts by split's name; empty where the folder holds classes itself.

    A folder is divided where it has ``train`` and ``val`` or ``test``, each with folders in it.
    """
    inside = {path.name.lower(): path for path in class_folders(folder)}
    found = {split: inside[name] for split, names in _NAMES.items() for name in names if name in inside and class_folders(inside[name])}
    return found if "train" in found and len(found) > 1 else {}


def classes_of(parts: dict[str, list[ImageFile]], folder: Path) -> tuple[str, ...]:
    """The classes, sorted; raises `BadInput` where there are fewer than two, or held-out ones that train lacks."""
    every = {name: {image.label for image in files} for name, files in parts.items()}
    known = every.get("train", every.get("", set()))
    for name, found in every.items():
        if found - known:
            raise BadInput(f"{name} of {folder} has classes that train lacks: {listed(sorted(found - known), 3)}")
    if len(known) < 2:
        raise BadInput(
            f"{folder} holds {f'one class, {min(known)}' if known else 'no class folders'}; it needs a folder for each of two or more"
        )
    return tuple(sorted(known))


def divided_images(parts: dict[str, list[ImageFile]], spec: TaskSpec) -> Division:
    """Which image goes into which split; rows count through all parts in order."""
    images = [image for files in parts.values() for image in files]
    sizes = {name: len(files) for name, files in parts.items()}
    return divide(sizes, [image.label for image in images], [image.digest for image in images], spec)


def image_splits(images: list[ImageFile], targets: list[int], division: Division, preprocess: Preprocess) -> dict[str, ImageSplit]:
    """The splits, which read their images when they are asked for them."""
    import numpy as np

    numbers = np.asarray(targets, dtype=np.int64)
    return {
        name: ImageSplit(_Reader(images, rows), numbers[rows], [images[i].digest for i in rows], preprocess)
        for name, rows in division.rows.items()
    }


class _Reader:
    """Opens the image at a position of a split."""

    def __init__(self, images: list[ImageFile], rows: Any) -> None:
        self._paths = [images[i].path for i in rows]

    def __call__(self, position: int) -> Any:
        from PIL import Image

        path = self._paths[position]
        with decoding(path), Image.open(path) as image:
            image.load()
        return image
