"""Which samples an artifact has seen: those that it was trained, calibrated or chosen with prove nothing about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.core.errors import BadInput
from thimble.core.paths import user_path

if TYPE_CHECKING:
    from thimble.core.task import Task

SEEN = "seen.bin"
"""The file beside ``artifact.json``: sorted digests of 8 bytes. No runtime needs it; two of ten million samples
share one with a chance of 3 in a million."""
_WIDTH = 8


def digests_of(task: Task, splits: Iterable[str]) -> frozenset[bytes]:
    """Digests of all samples of some splits."""
    ids = {one for split in splits for one in task.split(split).sample_ids()}
    return frozenset(hashlib.sha256(one.encode()).digest()[:_WIDTH] for one in ids)


def write_seen(digests: frozenset[bytes], folder: Path) -> None:
    """Write down in an artifact's folder what it has seen; nothing where there is nothing."""
    if digests:
        (folder / SEEN).write_bytes(b"".join(sorted(digests)))


def read_seen(place: Path | str) -> frozenset[bytes]:
    """What an artifact has seen, by its folder or a file in it; empty where nothing is written down.

    Raises `BadInput` where that is damaged.
    """
    path = user_path(place)
    file = (path if path.is_dir() else path.parent) / SEEN
    if not path.exists() or not file.is_file():
        return frozenset()
    content = file.read_bytes()
    if len(content) % _WIDTH:
        raise BadInput(f"{file} is damaged: it has {len(content)} bytes, no multiple of {_WIDTH}")
    return frozenset(content[start : start + _WIDTH] for start in range(0, len(content), _WIDTH))
