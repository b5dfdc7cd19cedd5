"""Arrays in files of their own: ``npy:FILE,FILE``, or a folder of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import opened, user_path
from thimble.core.task import Task, TaskSpec
from thimble.core.values import listed
from thimble.data._arrays import Raw, arrays_task, check_header, checked_array, place_of
from thimble.data._foreign import decoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BYTES = 4_000_000_000
"""Files of a folder are read into memory up to so many bytes."""


class Npy:
    """``npy:X.npy,Y.npy``: samples and labels; ``npy:X.npy`` samples alone; ``npy:NAME=FILE,...`` several inputs, ``y=FILE`` labels.

    Files are also looked for beside the first one.

    ``npy:DIR`` is a folder with ``x.npy``, ``y.npy``, ``x_train.npy``, ``x_NAME.npy``, ...; or one with a file for each sample: all in
    the folder (no labels), or in a folder for each class. Arrays mean what they mean in ``npz:FILE``. Nothing is unpickled.
    """

    title: ClassVar[str] = "arrays in NumPy files"
    form: ClassVar[str] = "npy:FILE,FILE or npy:DIR"
    needs: ClassVar[tuple[str, ...]] = ("numpy",)
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task. Raises `BadInput` for files that are missing, damaged, of unequal length, not finite, or labels out of range."""
        if not spec.argument.strip(", "):
            raise BadInput("npy: names no file; write npy:X.npy,Y.npy with samples and labels, or npy:DIR with a folder")
        folder = user_path(spec.argument)
        if folder.is_dir():
            raw, extras = _folder(folder)
            return arrays_task(raw, extras, spec, folder)
        named = [_parted(part) for part in spec.argument.split(",") if part.strip()]
        if not named:
            raise BadInput(f"{spec.spec!r} names no file; write npy:X.npy,Y.npy with arrays as numpy.save writes them")
        raw = {}
        for i, (name, given) in enumerate(named):
            path = given if given.exists() else named[0][1].parent / given
            place = _place(name, path, i, len(named))
            if place in raw:
                raise BadInput(
                    f"{path} is one more array for {'labels' if place[0] == 'y' else place[2]}; name the inputs: npy:NAME=FILE,NAME=FILE"
                )
            raw[place] = checked_array(_read(path), name or path.stem, path)
        _check_samples(raw, named[0][1])
        return arrays_task(raw, {}, spec, named[0][1])


def _parted(part: str) -> tuple[str, Path]:
    name, equals, path = part.strip().partition("=")
    return (name, user_path(path)) if equals else ("", user_path(part.strip()))


def _place(name: str, path: Path, position: int, count: int) -> tuple[str, str, str]:
    """What a file holds: by the name that is given, by its own, else by its position: samples first, then labels."""
    if name:
        return ("y", "", "input") if name == "y" else place_of(name) if name.startswith(("x_", "y_")) else ("x", "", name)  # type: ignore[return-value]
    return place_of(path.stem) or (("x" if position == 0 else "y"), "", "input")


def _check_samples(raw: Raw, path: Path) -> None:
    if not any(kind == "x" for kind, _, _ in raw):
        raise BadInput(f"{path} and the others hold labels only; name the samples too, as npy:x.npy,y.npy")


def _folder(folder: Path) -> tuple[Raw, dict[str, Any]]:
    """The arrays of a folder: by their names, else a sample in each file, classes by folder."""
    import numpy as np

    files = sorted(path for path in folder.rglob("*.npy") if not path.name.startswith("."))
    if not files:
        raise BadInput(f"{folder} holds no .npy file")
    places = {path: place_of(path.stem) for path in files if path.parent == folder}
    if any(places.values()):
        raw = {place: checked_array(_read(path), path.stem, path) for path, place in places.items() if place}
        _check_samples(raw, folder)
        return raw, {}
    if (total := sum(path.stat().st_size for path in files)) > MOST_BYTES:
        raise BadInput(f"{folder} holds {total / 1e9:.1f} GB of arrays, which are read into memory; {MOST_BYTES / 1e9:g} GB is the most")
    samples = [_read(path) for path in files]
    shapes = {(array.shape, str(array.dtype)) for array in samples}
    if len(shapes) > 1:
        raise BadInput(f"the samples in {folder} differ in shape or type: {listed(map(str, sorted(shapes)), 3)}")
    found: Raw = {("x", "", "input"): checked_array(np.stack(samples), "x", folder)}
    labels = sorted({path.parent.name for path in files})
    if all(path.parent != folder for path in files) and len(labels) > 1:
        found["y", "", "input"] = np.asarray([labels.index(path.parent.name) for path in files])
        return found, {"labels": np.asarray(labels), "metric": "accuracy"}
    return found, {}


def _read(path: Path) -> NDArray[Any]:
    import numpy as np

    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r}; write npy:X.npy,Y.npy with arrays as numpy.save writes them")
    with decoding(path, "can't be read: {}"), opened(path) as file:
        check_header(file, path.stat().st_size, path.stem, path)
        file.seek(0)
        array = np.load(file, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise BadInput(f"{path} is not a .npy file; for an archive write npz:{path}")
    return array
