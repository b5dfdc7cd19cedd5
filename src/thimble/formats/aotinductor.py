"""Code that AOTInductor compiled: a ``.pt2`` archive that holds a library in place of a program.

Its name comes before ``pt2`` in the alphabet, so that its contents are asked first.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from thimble.core.values import TensorSpec
from thimble.formats import Ends

TITLE = "code that AOTInductor compiled"
SUFFIXES = (".pt2",)
BESIDE: tuple[str, ...] = ()

COMPILED = "data/aotinductor/"
"""Where the archive keeps libraries, below its first folder."""


def holds(path: Path) -> bool:
    """Return whether an archive holds compiled code."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.partition("/")[2].startswith(COMPILED) for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def ends(path: Path) -> Ends:
    """How many tensors it takes: the library tells neither names nor shapes. Loads the library."""
    import torch

    taken, _ = torch._inductor.aoti_load_package(str(path)).loader.get_call_spec()
    count = _leaves(json.loads(taken)[1])
    names = tuple(f"input_{place}" for place in range(count)) if count > 1 else ("input",)
    return Ends(tuple(TensorSpec(name, ()) for name in names), (), names)


def _leaves(tree: dict[str, object]) -> int:
    """How many tensors a structure holds, as PyTorch writes it down."""
    children = tree["children_spec"]
    assert isinstance(children, list)
    return 1 if tree["type"] is None else sum(map(_leaves, children))
