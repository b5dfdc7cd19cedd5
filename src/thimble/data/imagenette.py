"""Imagenette: ten of ImageNet's classes as a download, scored with a network that knows all thousand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

from thimble.core.errors import BadInput, CannotWrite
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import Task, TaskSpec
from thimble.data._folder import read_folder
from thimble.data._preprocess import preprocess_for
from thimble.data._rules import check_counts
from thimble.data._split import SplitTask
from thimble.data.imagefolder import classes_of, divided_images, image_splits
from thimble.fetch.cache import cache_folder
from thimble.fetch.network import UNREACHABLE, patience, why

CLASSES = {
    "n01440764": ("tench", 0),
    "n02102040": ("English springer", 217),
    "n02979186": ("cassette player", 482),
    "n03000684": ("chain saw", 491),
    "n03028079": ("church", 497),
    "n03394916": ("French horn", 566),
    "n03417042": ("garbage truck", 569),
    "n03425413": ("gas pump", 571),
    "n03445777": ("golf ball", 574),
    "n03888257": ("parachute", 701),
}
"""Name and number among ImageNet's thousand classes, by WordNet's identifier, which names the folder."""
FOLDER = "imagenette2-320"
ADDRESS = f"https://s3.amazonaws.com/fast-ai-imageclas/{FOLDER}.tgz"


class Imagenette:
    """``imagenette`` (downloaded through torchvision, 341 MB) or ``imagenette:DIR``, a folder with it or its archive.

    With given weights, labels are ImageNet's thousand and a prediction counts among all of them; for a head of ten
    outputs, or a model that is yet to be trained, they are 0 to 9. Images are those with a shorter side of 320 pixels.
    """

    title: ClassVar[str] = "ten of ImageNet's classes, downloaded"
    form: ClassVar[str] = "imagenette"
    needs: ClassVar[tuple[str, ...]] = ("torchvision", "PIL")
    extra: ClassVar[str | None] = "torch"

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by accuracy. Raises `BadInput`, saying what to download by hand, without a network."""
        root = user_path(spec.argument) if spec.argument else cache_folder("data")
        folder = root / FOLDER
        if not folder.is_dir():
            _download(root)
        parts = {"train": folder / "train", "validation": folder / "val"}
        read = {name: read_folder(part) for name, part in parts.items()}
        files = {name: images for name, (images, _) in read.items()}
        ids = classes_of(files, folder)
        if set(ids) != set(CLASSES):
            raise BadInput(f"{folder} is not Imagenette: its classes are {', '.join(ids[:3])}...; delete it and start again")
        labels, numbers = _numbering(spec)
        division = divided_images(files, spec)
        check_counts(division.rows, ids, str(folder))
        images = [image for part in files.values() for image in part]
        preprocess = preprocess_for(spec, Preprocess(224, 256))
        notes = [note for _, told in read.values() for note in told] + division.notes
        if spec.weights_given:
            notes.append(
                "Imagenette divides images of ImageNet anew: weights trained on ImageNet have seen most of them, whatever the split"
            )
        splits = image_splits(images, [numbers[image.label] for image in images], division, preprocess)
        return SplitTask("imagenette", "accuracy", labels, splits, preprocess, tuple(notes))


def _numbering(spec: TaskSpec) -> tuple[tuple[str, ...], dict[str, int]]:
    """The labels of the head, and the number of each of the ten classes in it."""
    head = spec.classes_of_head or (1000 if spec.weights_given else len(CLASSES))
    if head == len(CLASSES):
        return tuple(name for name, _ in CLASSES.values()), {wnid: i for i, wnid in enumerate(CLASSES)}
    if head != 1000:
        raise BadInput(f"the model's head has {head} outputs; Imagenette is scored with ImageNet's 1000 or its own {len(CLASSES)}")
    from thimble.fetch.torchvision_import import import_torchvision

    weights = import_torchvision().models.get_model_weights("resnet18").DEFAULT
    return tuple(weights.meta["categories"]), {wnid: number for wnid, (_, number) in CLASSES.items()}


def _download(root: Path) -> None:
    """Fetch and unpack beside the final place, then rename: a folder that is there is whole."""
    from thimble.fetch.torchvision_import import import_torchvision

    aside, archive = root / f".imagenette.{os.getpid()}", root / f"{FOLDER}.tgz"
    try:
        aside.mkdir(parents=True, exist_ok=True)
        if archive.is_file():
            os.link(archive, aside / archive.name)
        with patience():
            import_torchvision().datasets.Imagenette(aside, size="320px", download=True)
        (aside / FOLDER).rename(root / FOLDER)
    except (*UNREACHABLE, RuntimeError) as error:
        raise BadInput(
            f"imagenette can't be downloaded ({why(error)}): fetch {ADDRESS} on a connected machine and put it at {archive}"
        ) from error
    except OSError as error:
        raise CannotWrite(f"can't write {root}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
