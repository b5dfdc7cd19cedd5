"""Pictures with a mask of the same name: ``masks:DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import Task, TaskSpec
from thimble.data._folder import SUFFIXES
from thimble.data._foreign import decoding
from thimble.data._pictures import Pictures, pictures_task, straight

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
_MASKS = ("masks", "labels", "annotations")
IGNORED = 255


class Masks:
    """``masks:DIR``: ``images`` and ``masks`` with files of the same name, or ``train``, ``val`` and ``test`` with both in each.

    A mask's numbers (of a palette, or grey) are classes; 255 doesn't count, unless 0 and 255 are all there is: then 255 is class 1.
    Pictures and masks are resized straight to the input.
    """

    title: ClassVar[str] = "pictures with masks of classes"
    form: ClassVar[str] = "masks:DIR"
    needs: ClassVar[tuple[str, ...]] = ("PIL",)
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by mean IoU. Raises `BadInput` for folders that can't be used."""
        import numpy as np

        folder = user_path(spec.argument)
        if not spec.argument or not folder.is_dir():
            raise BadInput(f"there is no folder {spec.argument!r}; write masks:DIR with a folder of images and masks")
        parts = {_PARTS[one.name.lower()]: one for one in sorted(folder.iterdir()) if one.is_dir() and one.name.lower() in _PARTS}
        pairs = [(*pair, part) for part, place in (parts or {"": folder}).items() for pair in _pairs(place)]
        preprocess = straight(spec, Preprocess(224, None))
        targets = np.stack([_mask(mask, preprocess) for _, mask, _ in pairs])
        present = np.unique(targets)
        notes: tuple[str, ...] = ()
        if set(present.tolist()) <= {0, IGNORED} and IGNORED in present:
            targets, present = np.where(targets == IGNORED, 1, 0).astype(np.uint8), np.array([0, 1])
            notes = ("masks hold 0 and 255 only: 255 is taken as class 1",)
        classes = int(present[present != IGNORED].max(initial=0)) + 1
        labels = tuple(map(str, range(max(2, classes))))
        files = [(image, part) for image, _, part in pairs]
        made = pictures_task(Pictures(f"masks:{folder.resolve().name}", files, targets, labels, "mean_iou"), spec, preprocess)
        made.notes = (*notes, *made.notes)
        return made


def _pairs(place: Path) -> list[tuple[Path, Path]]:
    """Pictures with their masks, by name."""
    masks = next((place / name for name in _MASKS if (place / name).is_dir()), None)
    images = place / "images"
    if masks is None or not images.is_dir():
        raise BadInput(f"{place} has no images and masks; it needs a folder of each, with files of the same name")
    by_name = {path.stem: path for path in sorted(masks.rglob("*")) if path.suffix.lower() in SUFFIXES}
    found = [(path, by_name.get(path.stem)) for path in sorted(images.rglob("*")) if path.suffix.lower() in SUFFIXES]
    bare = [path.name for path, mask in found if mask is None]
    if bare or not found:
        raise BadInput(f"{images} holds {f'{bare[0]}, which has no mask in {masks}' if bare else 'no pictures'}")
    return [(path, mask) for path, mask in found if mask is not None]


def _mask(path: Path, preprocess: Preprocess) -> NDArray[Any]:
    """Classes of a mask's pixels at the input's size; the nearest pixel counts."""
    import numpy as np
    from PIL import Image

    with decoding(path), Image.open(path) as image:
        size = (preprocess.width or preprocess.size, preprocess.size)
        resized = (image if image.mode in ("P", "L", "1", "I", "I;16") else image.convert("L")).resize(size, Image.Resampling.NEAREST)
        found = np.asarray(resized).astype(np.int64)
    if found.max() > IGNORED:
        raise BadInput(f"{path} holds the class {found.max()}; masks have classes from 0 to 254, and 255 for what doesn't count")
    return found.astype(np.uint8)
