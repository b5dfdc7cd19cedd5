"""The handwritten digits that come with scikit-learn: 1,797 real images of 8 x 8 pixels, there without a download."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import MissingExtra
from thimble.core.preprocess import Preprocess
from thimble.core.task import Task, TaskSpec
from thimble.data._preprocess import preprocess_for
from thimble.data._split import ImageSplit, SplitTask
from thimble.data._stratify import divided

SIZES = {"test": 600, "validation": 300, "calibration": 100, "train": 797}


class Digits:
    """Optical recognition of handwritten digits (Alpaydin and Kaynak 1998, UCI repository), ten classes.

    Split from the seed, stratified: test 600, validation 300, calibration 100, train 797. The images are enlarged to
    64 x 64 pixels in three equal channels unless another size is asked for.
    """

    title: ClassVar[str] = "the handwritten digits that come with scikit-learn"
    form: ClassVar[str] = "digits"
    needs: ClassVar[tuple[str, ...]] = ("sklearn", "PIL")
    extra: ClassVar[str | None] = "lab"

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by accuracy."""
        import numpy as np

        rows = np.loadtxt(_file(), delimiter=",")
        pixels = np.round(rows[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
        targets = rows[:, -1].astype(np.int64)
        ids = [_digest(image) for image in pixels]
        preprocess = preprocess_for(spec, Preprocess(size=64))
        splits = {name: _split(pixels, targets, ids, rows, preprocess) for name, rows in divided(targets, SIZES, spec.seed, ids).items()}
        notes = (f"stratified split from seed {spec.seed}: " + ", ".join(f"{name} {len(split)}" for name, split in splits.items()),)
        return SplitTask("digits", "accuracy", tuple("0123456789"), splits, preprocess, notes)


def _file() -> Path:
    """The data's file inside scikit-learn, whose import would take longer than everything else here together."""
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("scikit-learn", "lab")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"


def _split(pixels: Any, targets: Any, ids: list[str], rows: Any, preprocess: Preprocess) -> ImageSplit:
    from PIL import Image

    return ImageSplit(lambda i: Image.fromarray(pixels[rows[i]]), targets[rows], [ids[row] for row in rows], preprocess)


def _digest(image: Any) -> str:
    import hashlib

    return hashlib.sha256(image.tobytes()).hexdigest()[:24]
