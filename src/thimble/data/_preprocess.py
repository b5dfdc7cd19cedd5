"""Which transform a task of images uses: what the user says, else the model's own, else the task's default."""

from __future__ import annotations

from dataclasses import replace

from thimble.core.errors import BadInput
from thimble.core.preprocess import Preprocess
from thimble.core.task import TaskSpec


def preprocess_for(spec: TaskSpec, default: Preprocess) -> Preprocess:
    """The specification's transform with its size, mean and standard deviation put in where they are given.

    Another size keeps the ratio of resizing to cropping: 224 out of 256 becomes 64 out of 73.
    Raises `BadInput` for settings that no image could be read with.
    """
    made = spec.preprocess or default
    if spec.size is not None:
        resize = made.resize and round(made.resize * spec.size / made.size)
        made = replace(made, size=spec.size, resize=resize)
    made = replace(made, mean=spec.mean or made.mean, std=spec.std or made.std)
    if made.size < 1:
        raise BadInput(f"image size must be at least 1, not {made.size}")
    for name, values in (("mean", made.mean), ("std", made.std)):
        if len(values) != 3:
            raise BadInput(f"{name} must have three values, one for each of red, green and blue, not {len(values)}")
    if any(not value > 0 for value in made.std):
        raise BadInput(f"std must be positive, not {', '.join(f'{v:g}' for v in made.std)}")
    return made
