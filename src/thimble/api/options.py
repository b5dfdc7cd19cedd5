"""The options of a fit, in one place: what each one says, and the values that can't be.

The command line, ``study.toml`` and the library share them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.model import TORCH
from thimble.core.values import LONGEST_S, fitting

if TYPE_CHECKING:
    from thimble.api.fit import Fit
    from thimble.core.task import Task

SHORTEST_MS = 0.001
"""A microsecond: an empty call of any runtime from Python takes longer, so no artifact can be proven below it."""

LARGEST = 1e9
"""No limit beyond this one is ever missed."""

SMALLEST_MB = 0.0001
"""A hundred bytes: no format holds a network in less."""

MOST_CHANNEL = 1e6
"""Means and deviations of channels lie far below this."""

GOALS = ("latency", "size", "memory")


@dataclass(frozen=True)
class Option:
    """One option: its help, an example in TOML, and the range of a number (``least`` itself is allowed)."""

    help: str
    example: str
    least: float | None = None
    most: float | None = None


OPTIONS = {
    "model": Option("torchvision:NAME, timm:NAME, file.py:function, a .onnx file or a .pt2 archive.", '"torchvision:resnet18"'),
    "data": Option("digits, imagefolder:DIR, npz:FILE, cifar10:DIR, file.py:function.", '"digits"'),
    "max_drop": Option("The most that may be lost, in points of the metric.", "1.0", 0),
    "max_size": Option("The most that may be shipped (MB is 10^6 bytes).", "5.0", SMALLEST_MB),
    "max_latency": Option("The longest median latency.", "20.0", SHORTEST_MS),
    "max_memory": Option("The most peak memory above the empty runtime's.", "100.0", SMALLEST_MB),
    "minimize": Option("What to make as small as possible: latency, size or memory.", '"size"'),
    "budget": Option("Such as 10m, 90s or 1h; default: until everything is tried.", '"10m"'),
    "weights": Option("A state dict's file, or imagenet.", '"weights.pt"'),
    "student": Option("A smaller network to teach, such as torchvision:mobilenet_v2.", '"torchvision:mobilenet_v2"'),
    "size": Option("Pixels each way.", "224", 8, 4096),
    "mean": Option("Mean of each channel, of values from 0 to 1.", "[0.485, 0.456, 0.406]"),
    "std": Option("Standard deviation of each channel.", "[0.229, 0.224, 0.225]"),
    "shapes": Option("Input shapes by name, the batch first, where a file leaves them open.", "{ input = [1, 3, 224, 224] }"),
    "values": Option("A number that fills an input which the data don't give.", "{ sr = 16000 }"),
    "threads": Option("Threads for every candidate; default: the cores at hand.", "2", 1, 1024),
    "seed": Option("Of splits, training and the order of measuring.", "0", 0, 2**32 - 1),
    "out": Option("Folder of the results.", '"runs/fit"'),
}
"""By the name of the field, in the order in which they are told. ``out`` is no field: it is where the results go."""

OTHERS = {"batch": (1, 65_536), "opset": (7, 99), "image_size": (8, 4096)}
"""Ranges of numbers that are no options of a fit."""


def problem(name: str, value: Any) -> str | None:
    """Why an option can't have this value, to be read behind its name; ``None`` where it can."""
    if value is None:
        return None
    if name == "minimize" and value not in GOALS:
        return f"must be latency, size or memory, not {value!r}"
    if name in ("budget", "sustained") and not 0 < value <= LONGEST_S:
        return f"is {value:g} s; give a length of time above 0 and up to a year, such as 10m"
    if name in ("mean", "std"):
        return _channels(name, value)
    if name == "shapes":
        bad = next(((key, shape) for key, shape in value.items() if not shape or min(shape) < 1), None)
        return f"gives {bad[0]} the shape {tuple(bad[1])}; the batch comes first, and sizes are 1 or more" if bad else _too_large(value)
    if isinstance(value, int | float):
        return _out_of_range(name, value)
    return "is empty" if value == "" else None


def _too_large(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Why no input of one of these shapes can be made."""
    try:
        for name, shape in shapes.items():
            fitting(name, tuple(shape))
    except BadInput as error:
        return f"is too large: {error}"
    return None


def _out_of_range(name: str, value: float) -> str | None:
    option = OPTIONS.get(name)
    least, most = (option.least, option.most) if option else OTHERS.get(name, (None, None))
    if not math.isfinite(value):
        return f"is {value}; it must be a number"
    if name.startswith("max_") and value > LARGEST:
        return f"is {value:g}; leave it out for no limit"
    if least is not None and value < least:
        if name.startswith("max_"):
            return f"is {value:g}; no artifact could meet it: give {least:g} or more" + (", or leave it out" if least else "")
        return f"is {value:g}; it must be at least {least:g}"
    return f"is {value}; it must be at most {most}" if most is not None and value > most else None


def _channels(name: str, values: Iterable[float]) -> str | None:
    numbers = tuple(values)
    if len(numbers) != 3:
        return f"has {len(numbers)} numbers; images have three channels, so it takes three"
    if max(map(abs, numbers)) > MOST_CHANNEL or not all(map(math.isfinite, numbers)) or (name == "std" and min(numbers) < 1 / MOST_CHANNEL):
        return f"is {', '.join(f'{one:g}' for one in numbers)}; it must be three numbers{' above 0' if name == 'std' else ''}"
    return None


def check(options: Any) -> None:
    """Raise `BadInput` for a field of options, or of the limits in them, that can't be, in the words of the command line."""
    fields = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    limits = fields.pop("limits", None)
    for name, value in {**(dataclasses.asdict(limits) if limits else {}), **fields}.items():
        said = problem(name, value)
        if said:
            raise BadInput(f"{command_word(name)} {said}")


def check_against(options: Fit, task: Task) -> None:
    """Raise `BadInput` for an option that makes no sense with this model or these data."""
    from thimble.api.resolve import trainable
    from thimble.core.registry import METRICS
    from thimble.models import entry_format

    drop = options.limits.max_drop
    if drop is not None and drop > 100 and METRICS.get(task.metric).unit == "%":
        raise BadInput(f"--max-drop is {drop:g} points, and {task.metric} can't lose more than 100: leave it out for no limit")
    if options.student and entry_format(options.model) != TORCH:
        raise BadInput(f"--student {options.student} can't be taught by the file {options.model}: give the network itself, as PyTorch code")
    if options.student and not trainable(task):
        raise BadInput(f"--student {options.student} needs a train split to learn from, and {task.name} has none")


def command_word(name: str) -> str:
    """The option as it is written on the command line."""
    return {"shapes": "--input-shape", "values": "--set", "model": "MODEL", "recipe": "RECIPE"}.get(name, f"--{name.replace('_', '-')}")
