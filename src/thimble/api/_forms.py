"""Forms of option values that a type can't express: channels, shapes, durations, and the path inside a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from thimble.core.errors import BadInput
from thimble.core.values import fitting

MOST_CHANNEL = 1e6
"""Means and deviations of channels lie far below this."""

Parts = tuple[str, str, str]
"""Split a text into the part before a path, the path, and the part after it; the path is empty if there is none."""


def duration_text(seconds: float) -> str:
    """Return ``10m`` for 600, ``90.5s`` for 90.5."""
    if seconds % 60 == 0:
        return f"{seconds / 60:.0f}m"
    return f"{int(seconds) if seconds == int(seconds) else repr(seconds)}s"


def not_channels(values: tuple[float, ...]) -> str | None:
    """Return why these are not three numbers, one for each channel of an image, nor one for all."""
    if len(values) not in (1, 3):
        return f"has {len(values)} numbers; give three, one for each channel, or one for all channels"
    if not all(abs(value) <= MOST_CHANNEL for value in values):
        return f"is {_numbers(values)}; it must be three numbers"
    return None


def not_deviations(values: tuple[float, ...]) -> str | None:
    """Return why these are not three numbers above 0, one for each channel of an image."""
    said = not_channels(values)
    if said is None and min(values) < 1 / MOST_CHANNEL:
        return f"is {_numbers(values)}; it must be three numbers above 0"
    return said


def not_shapes(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Return why one of these is no shape of an input, or too large a shape to be made."""
    for name, shape in shapes.items():
        if not shape or min(shape) < 1:
            return f"gives {name} the shape {tuple(shape)}; the batch comes first, and sizes are 1 or more"
        try:
            fitting(name, tuple(shape))
        except BadInput as error:
            return f"is too large: {error}"
    return None


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def in_file(text: str) -> Parts:
    """Part a text that is a path."""
    return "", text, ""


def in_weights(text: str) -> Parts:
    """Part a file of weights; ``imagenet`` is none."""
    return (text, "", "") if text == "imagenet" else in_file(text)


def in_metric(text: str) -> Parts:
    """Part ``quality.py:score``; a registered name holds no path."""
    return _in_python(text) if ".py:" in text else (text, "", "")


def in_model(text: str) -> Parts:
    """Part ``net.py:network`` or ``model.onnx``; a name in a library, such as ``torchvision:resnet18``, holds no path."""
    from thimble.core.registry import MODELS

    head, colon, _ = text.partition(":")
    if ".py:" in text:
        return _in_python(text)
    return (text, "", "") if colon and head in MODELS.names() else in_file(text)


def in_data(text: str) -> Parts:
    """Part ``imagefolder:DIR`` or ``data.py:task``; a bare name such as ``digits`` holds no path."""
    from thimble.core.registry import TASKS

    head, colon, rest = text.partition(":")
    if ".py:" in text:
        return _in_python(text)
    if not colon or head not in TASKS.names():
        return text, "", ""
    if head == "npy":  # npy:NAME=FILE,FILE: the first file's folder is where the others are looked for
        first, comma, others = rest.partition(",")
        name, equals, path = first.rpartition("=")
        return f"npy:{name}{equals}", path, comma + others
    path, column, name = rest.rpartition(":") if head == "csv" else (rest, "", "")
    return (head + colon, path or rest, column + name if path else "")


def _in_python(text: str) -> Parts:
    path, colon, function = text.rpartition(":")
    return "", path, colon + function


def relative(parts: Parts) -> bool:
    """Return whether there is a path among the parts that depends on the current folder."""
    path = parts[1]
    return bool(path) and not path.startswith("~") and not Path(path).is_absolute()
