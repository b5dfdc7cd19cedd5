"""Arrays in one file: ``npz:FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.task import Task, TaskSpec
from thimble.core.values import listed
from thimble.data._arrays import Raw, arrays_task, check_header, checked_array, place_of
from thimble.data._foreign import decoding
from thimble.fetch.archive import check_archive


class Npz:
    """``npz:FILE``: ``x`` and ``y``, or ``x_train``, ``x_val``, ``x_test`` with their ``y_...``, as ``numpy.savez`` writes them.

    Several inputs are ``x_NAME``, or ``x_train_NAME`` and so on; a single one is called ``input``. `understood` says what ``y`` means;
    without it outputs are compared with the baseline's. ``metric`` names another one, ``labels`` the classes. The file is read
    into memory; float arrays become ``float32``, integers keep their type.
    """

    title: ClassVar[str] = "arrays in one NumPy archive"
    form: ClassVar[str] = "npz:FILE"
    needs: ClassVar[tuple[str, ...]] = ("numpy",)
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task. Raises `BadInput` for arrays that are damaged, of unequal length, not finite, or labels out of range."""
        path = user_path(spec.argument)
        raw, extras = _read(path, spec.argument)
        return arrays_task(raw, extras, spec, path)


def _read(path: Path, argument: str) -> tuple[Raw, dict[str, Any]]:
    """The arrays, checked one by one, and ``labels`` and ``metric`` where they are there."""
    import numpy as np

    if not path.is_file():
        raise BadInput(f"there is no file {argument!r}; write npz:FILE with an archive as numpy.savez writes it")
    if not check_archive(path):
        raise BadInput(f"{path} is not a .npz archive, or it is truncated")
    found: dict[str, Any] = {}
    with decoding(path, "can't be read: {}"), np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            if key in ("labels", "metric") or place_of(key):
                _check_member(archive, key, path)
                found[key] = archive[key]
    raw: Raw = {}
    for key, array in found.items():
        if not isinstance(array, np.ndarray):
            raise BadInput(f"{path}: {key} is not an array; its member in the archive has no header of one")
        if place := place_of(key):
            raw[place] = checked_array(array, key, path)
    if not any(kind == "x" for kind, _, _ in raw):
        raise BadInput(f"{path} has no x, x_train or x_NAME; it has {listed(found) or 'no arrays that are known here'}")
    return raw, {key: found[key] for key in ("labels", "metric") if key in found}


def _check_member(archive: Any, key: str, path: Path) -> None:
    member = next((one for one in archive.zip.infolist() if one.filename == f"{key}.npy"), None)
    if member is not None:
        with archive.zip.open(member) as file:
            check_header(file, member.file_size, key, path)
