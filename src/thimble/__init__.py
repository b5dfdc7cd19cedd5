"""Thimble fits a trained neural network into a small device, and proves what it cost.

Public names are loaded when first used: ``import thimble`` itself loads no heavy library.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "Lab": "thimble._lab",
    "lab": "thimble._lab",
    "Fit": "thimble._fit",
    "fit": "thimble._fit",
    "read_config": "thimble._config",
    "config_text": "thimble._config",
    "Apply": "thimble._apply",
    "apply": "thimble._apply",
    "listing": "thimble._listing",
    "Limits": "thimble.base.study",
    "Study": "thimble.base.study",
    "read_study": "thimble.base.study",
    "Summary": "thimble.base.summary",
    "Recipe": "thimble.base.recipe",
    "parse_recipe": "thimble.base.recipe",
    "ModelSpec": "thimble.base.task",
    "TaskSpec": "thimble.base.task",
    "Plan": "thimble.workflow",
    "carry_out": "thimble.workflow",
    "write_reports": "thimble.workflow",
    "summarize": "thimble.recommend.summarize",
    "Store": "thimble.store",
    "ThimbleError": "thimble.base.errors",
}

__all__ = sorted(_PUBLIC)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'thimble' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
