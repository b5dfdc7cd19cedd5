"""Import torchvision where its compiled operators are missing.

torchvision's wheels on the common registry are built against the CUDA build of PyTorch. Beside a CPU build their
operator library can't be loaded, and ``import torchvision`` then fails with ``operator torchvision::nms does not
exist``: not because anything needs box suppression, but because torchvision registers the fake (shape-only) versions
of ``nms`` and ``qnms`` on import, and an operator must have a schema before a fake can be registered.

Declaring the two schemas is enough. Models, transforms and data sets then work; the detection operators stay
absent, and a model that calls one fails with PyTorch's own message when it is run. Where torchvision imports by
itself, nothing is done at all.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_SYMPTOM = "operator torchvision::nms does not exist"
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept_alive: list[Any] = []
"""A schema lives as long as the library object that declared it."""


def import_torchvision() -> ModuleType:
    """The ``torchvision`` package, its missing schemas declared first where that is what stops the import."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _SYMPTOM not in str(error):
            raise
    _forget_half_imported()
    _declare_schemas()
    return importlib.import_module("torchvision")


def _forget_half_imported() -> None:
    """Drop what the failed import left in ``sys.modules``, so that the next one starts afresh."""
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]


def _declare_schemas() -> None:
    import torch

    if _kept_alive:
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + _SIGNATURE)
    _kept_alive.append(library)
