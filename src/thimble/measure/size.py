"""What must be shipped: bytes of every file, what they deflate to, and what the stored numbers are."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput
from thimble.core.study import Size
from thimble.formats import Stored, format_named

BLOCK = 4 << 20
LEVEL = 6


def measure_size(folder: Path, artifact: Artifact) -> Size:
    """Sizes of the artifact in ``folder``; counts that its format doesn't tell are ``None``.

    MACs are of one inference at batch 1, with 1 for any other free dimension.
    """
    for file in artifact.files:
        if not (folder / file.path).is_file():
            raise BadInput(f"{folder} lacks {file.path}, which its artifact.json names")
    stored = stored_tensors(folder, artifact)
    learned = [tensor for tensor in stored or () if tensor.parameter]
    by_type: Counter[str] = Counter()
    for tensor in stored or ():
        by_type[tensor.dtype] += tensor.bytes
    return Size(
        bytes=artifact.bytes,
        deflated_bytes=sum(deflated_bytes(folder / file.path) for file in artifact.files),
        bytes_by_type=dict(by_type.most_common()),
        parameters=None if stored is None else sum(tensor.count for tensor in learned),
        nonzero_parameters=None if stored is None else sum(tensor.nonzero for tensor in learned),
        macs=_macs(folder, artifact),
    )


def stored_tensors(folder: Path, artifact: Artifact) -> list[Stored] | None:
    """Every tensor in the artifact's files, or ``None`` where its format can't be read."""
    format = format_named(artifact.format)
    return list(format.tensors(folder / artifact.main)) if hasattr(format, "tensors") and format else None


def _macs(folder: Path, artifact: Artifact) -> int | None:
    format = format_named(artifact.format)
    try:
        return None if format is None else format.macs(folder / artifact.main, artifact)
    except Exception:  # data-dependent shapes, foreign operators: a count that can't be told is left out
        return None


def deflated_bytes(path: Path) -> int:
    """What ``path`` takes when deflated in blocks of 4 MiB, which is within a thousandth of deflating it whole."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(lambda block: len(zlib.compress(block, LEVEL)), _blocks(path)))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
