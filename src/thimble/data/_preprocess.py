"""Which transform a task of images uses: what the user says, else the model's own, else the task's default."""

from __future__ import annotations

from dataclasses import replace

from thimble.core.errors import BadInput
from thimble.core.preprocess import CHANNELS, ImageInput, Preprocess
from thimble.core.task import TaskSpec


def preprocess_for(spec: TaskSpec, default: Preprocess) -> Preprocess:
    """The specification's transform with its size, mean and standard deviation put in where they are given.

    What the model's input tells (channels, layout, 8 bits, height and width) comes before the default. Another size keeps the
    ratio of resizing to cropping: 224 out of 256 becomes 64 out of 73. Raises `BadInput` for settings that no image could be
    read with.
    """
    made = _as_the_model_says(spec, spec.preprocess or default)
    if spec.size is not None:
        resize = made.resize and round(made.resize * spec.size / made.size)
        made = replace(made, size=spec.size, resize=resize, width=None)
    if spec.scale is not None:
        made = replace(made, scale=spec.scale, mean=(0.0,), std=(1.0,))
    made = replace(made, channels=spec.channels or made.channels)
    made = replace(made, mean=spec.mean or made.mean, std=spec.std or made.std)
    if made.channels == "grey":
        made = replace(made, mean=_single(made.mean), std=_single(made.std))
    _check(made)
    return made


def _as_the_model_says(spec: TaskSpec, made: Preprocess) -> Preprocess:
    """The transform with what the model's file tells; the model's own transform is believed before that."""
    reads = ImageInput.of(spec.takes)
    if reads is None:
        return made
    made = replace(made, layout=reads.layout or made.layout, dtype=reads.dtype)
    made = replace(made, channels="grey") if reads.channels == 1 else made
    if spec.preprocess is None and spec.size is None and reads.height and reads.width:
        resize = made.resize and round(made.resize * reads.height / made.size) if reads.height == reads.width else None
        made = replace(made, size=reads.height, width=None if reads.width == reads.height else reads.width, resize=resize)
    return made


def reading_notes(spec: TaskSpec, made: Preprocess) -> tuple[str, ...]:
    """What a reader of the study must know of how images are read."""
    reads = ImageInput.of(spec.takes)
    told = reads.told() if reads else ""
    notes = [f"images are read as the model's input says: {told}"] if told else []
    if made.channels == "bgr":
        notes.append("images are read with the channels in the order blue, green, red")
    if made.scale != 1.0 and made.dtype != "uint8":
        notes.append(f"pixels are scaled to 0 to {made.scale:g} before mean and standard deviation")
    return tuple(notes)


def _single(values: tuple[float, ...]) -> tuple[float, ...]:
    """One number for a grey image: the mean over the channels."""
    return (sum(values) / len(values),)


def _check(made: Preprocess) -> None:
    if made.size < 1:
        raise BadInput(f"image size must be at least 1, not {made.size}")
    if made.channels not in CHANNELS:
        raise BadInput(f"--channels must be {', '.join(CHANNELS[:-1])} or {CHANNELS[-1]}, not {made.channels!r}")
    if not made.scale > 0:
        raise BadInput(f"--scale must be above 0, such as 1 or 255, not {made.scale:g}")
    count = 1 if made.channels == "grey" else 3
    for name, values in (("mean", made.mean), ("std", made.std)):
        if len(values) not in (1, count):
            raise BadInput(f"{name} must have three values, one for each of red, green and blue, not {len(values)}")
    if any(not value > 0 for value in made.std):
        raise BadInput(f"std must be positive, not {', '.join(f'{v:g}' for v in made.std)}")
