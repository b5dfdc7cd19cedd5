"""Settings of steps: a field's type holds its range, which is looked at when a recipe is read, before any work."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from thimble.core.errors import BadInput
from thimble.core.text import brief

Epochs = Annotated[int, Meta(ge=1, le=10_000)]
"""Passes over the train split."""
BatchSize = Annotated[int, Meta(ge=1, le=65_536)]
"""Samples that are learnt from at a time."""
LearningRate = Annotated[float, Meta(gt=0, le=10)]
"""The highest rate of a schedule."""
Part = Annotated[float, Meta(ge=0, le=1)]
"""A share of a whole."""
Weight = Annotated[float, Meta(ge=0, le=1000)]
"""How many times a part of a loss counts."""
Ratio = Annotated[float, Meta(gt=0, lt=1)]
"""A share that is neither nothing nor all."""
Temperature = Annotated[float, Meta(ge=0.01, le=1000)]
"""What a teacher's outputs are divided by."""
Multiple = Annotated[int, Meta(ge=1, le=4096)]
"""What a number of channels is rounded to."""
Samples = Annotated[int, Meta(ge=1, le=1_000_000)]
"""Samples of a split."""
Seen = Annotated[int, Meta(ge=1, le=10**12)]
"""Samples that training sees in all, each as often as it comes."""
Bits = Annotated[int, Meta(ge=4, le=8)]
"""Bits of a stored weight."""
Number = Annotated[int, Meta(ge=1, le=1_000_000)]
"""How many of something."""
Opset = Annotated[int, Meta(ge=7, le=99)]
"""A version of ONNX's operators."""

_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "True or False", Path: "a path", type(None): "None"}


def check_settings(name: str, cls: Any, values: dict[str, Any]) -> None:
    """Raise `BadInput` where a step called ``name`` can't have one of these values: its type, its range, or its choices."""
    hints, choices = typing.get_type_hints(cls, include_extras=True), getattr(cls, "choices", {})
    for field in {one.name for one in dataclasses.fields(cls)} & set(values):
        value = values[field]
        try:
            msgspec.convert(value, hints[field])
        except msgspec.ValidationError as error:
            raise BadInput(f"{name}: {field} must be {wanted(hints[field])}, not {brief(repr(value))}") from error
        if value is not None and field in choices and value not in choices[field]:
            raise BadInput(f"{name}: {field} must be one of {', '.join(choices[field])}, not {brief(repr(value))}")


def wanted(hint: Any) -> str:
    """A type with its range in words: ``a whole number from 1 to 10000``."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        inner, *marks = parts
        mark = next(mark for mark in marks if isinstance(mark, Meta))
        if mark.lt is not None:
            return f"{wanted(inner)} between {mark.gt:g} and {mark.lt:g}"
        least = f"above {mark.gt:g}, at most" if mark.gt is not None else f"from {mark.ge:.10g} to"
        return f"{wanted(inner)} {least} {mark.le:.10g}"
    if origin is Literal:
        return f"{', '.join(parts[:-1])} or {parts[-1]}"
    if origin is Mapping:
        return f"a table of names with {_several(parts[1])}"
    if origin in (tuple, Sequence):
        return f"a list of {_several(parts[0])}"
    return " or ".join(map(wanted, parts)) if parts else _WORDS.get(hint, str(hint))


def _several(hint: Any) -> str:
    """A type in the plural: ``whole numbers from 1 to 10``, ``lists of numbers``."""
    noun, space, rest = wanted(hint).removeprefix("a ").removeprefix("whole ").partition(" ")
    whole = "whole " if wanted(hint).startswith("a whole") else ""
    return f"{whole}{noun}s{space}{rest}"
