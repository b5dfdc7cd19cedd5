"""Thimble fits a trained neural network into a small device, and proves what it cost.

Public names are loaded when first used: ``import thimble`` itself loads no heavy library.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "Lab": "thimble.api.request",
    "lab": "thimble.api.lab",
    "Fit": "thimble.api.request",
    "fit": "thimble.api.fit",
    "read_config": "thimble.api.config",
    "config_text": "thimble.api.config",
    "Apply": "thimble.api.request",
    "apply": "thimble.api.apply",
    "Check": "thimble.api.request",
    "check": "thimble.api.check",
    "Bundle": "thimble.api.request",
    "CompareRuntimes": "thimble.api.request",
    "compare_runtimes": "thimble.api.compare_runtimes",
    "bundle": "thimble.api.bundle",
    "verify": "thimble.api.verify",
    "listing": "thimble.api.listing",
    "Limits": "thimble.core.limit",
    "Study": "thimble.core.study",
    "read_study": "thimble.core.study",
    "Summary": "thimble.core.summary",
    "Recipe": "thimble.core.recipe",
    "parse_recipe": "thimble.core.recipe",
    "ModelSpec": "thimble.core.task",
    "TaskSpec": "thimble.core.task",
    "Plan": "thimble.study.plan",
    "carry_out": "thimble.study.plan",
    "write_reports": "thimble.study.folder",
    "summarize": "thimble.decide.summarize",
    "Store": "thimble.engine.store",
    "ThimbleError": "thimble.core.errors",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name == "__version__":
        return importlib.import_module("thimble.core.distribution").version()
    raise AttributeError(f"module 'thimble' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
