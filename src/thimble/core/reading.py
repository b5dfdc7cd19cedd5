"""Read JSON of strangers as values: a file is read whole or refused in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from thimble.core.errors import BadInput
from thimble.core.text import plain

Kind = TypeVar("Kind")


def decoded(data: bytes, file: Path, what: str) -> Any:
    """JSON as plain values. Raises `BadInput` where it is damaged, nested too deep, or holds numbers that are none."""
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise BadInput(f"{file} is not a valid {what}: it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is not a valid {what}: {error}") from error


def converted(values: Any, kind: type[Kind], file: Path, what: str) -> Kind:
    """Plain values as a dataclass. Raises `BadInput` that names the field, what it must be and what it is."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{file} is not a valid {what}: {said(error, values)}") from error
    except RecursionError:
        raise BadInput(f"{file} is not a valid {what}: it is nested too deep") from None


def said(error: msgspec.ValidationError, values: Any) -> str:
    """``candidates[0].size.bytes must be `int` >= 0, not -1``."""
    text, _, place = str(error).partition(" - at ")
    path = place.strip("`").removeprefix("$").removeprefix(".")
    for key, position in re.findall(r"(\w+)|\[(\d+)\]", path) if "..." not in path else ():
        try:
            values = values[int(position)] if position else values[key]
        except (LookupError, TypeError):
            return f"{path}: {text}"
    shown = "" if "..." in path or isinstance(values, dict | list) or "missing" in text else f", not {plain(repr(values))[:60]}"
    if text.startswith("Invalid enum value"):
        return f"{path} can't be {text.rpartition('value ')[2]}"
    wanted = text.removeprefix("Expected ").partition(", got")[0] if text.startswith("Expected ") else ""
    return f"{path or 'it'} must be {wanted}{shown}" if wanted else f"{path}: {text}" if path else text
