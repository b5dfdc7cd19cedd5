"""A study in a folder that an earlier start left: whether it asked the same, and whether it knows more by now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from thimble.core.errors import BadInput
from thimble.core.study import Study, read_study


def earlier(folder: Path) -> Study | None:
    """The folder's study, where there is one that can be read."""
    try:
        return read_study(folder)
    except BadInput:
        return None


def timeless(study: Study) -> bytes:
    """What a study says, whenever and in how many starts it was carried out."""
    steps = {c.name: tuple(replace(step, cached=True) for step in c.steps) for c in study.candidates}
    candidates = tuple(replace(c, steps=steps[c.name]) for c in study.candidates)
    return msgspec.json.encode(replace(study, candidates=candidates, started="", seconds=0.0))


def behind(study: Study, before: Study) -> bool:
    """Whether an earlier study that asked the same knows of more candidates than one that is not complete yet."""

    def asked(one: Study) -> tuple[Any, ...]:
        settings = {**one.settings, "budget_s": None}
        return one.model, settings, one.task.spec, one.task.preprocess, one.limits, one.threads, one.seed, one.environment.comparable

    def known(one: Study) -> int:
        return sum(candidate.status != "not tried" for candidate in one.candidates)

    return not study.complete and asked(study) == asked(before) and known(study) < known(before)
