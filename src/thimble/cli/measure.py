"""``thimble measure``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thimble.api.options import OPTIONS as SHARED
from thimble.cli._say import say_aside
from thimble.cli.lab import numbers
from thimble.core.values import seconds_of

if TYPE_CHECKING:
    from thimble.api.measure import Measuring


def shapes(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """``x=1,3,224,224`` → a shape by input."""
    found = {}
    for value in values:
        name, equals, sizes = value.rpartition("=")
        if not equals or not all(part.strip().isdigit() and int(part) for part in sizes.split(",")):
            raise click.BadParameter(f"{value!r} is not of the form NAME=1,3,224,224")
        found[name] = tuple(int(part) for part in sizes.split(","))
    return found


def values(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    """``sr=16000`` → a number by input."""
    found = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name or not math.isfinite(found[name]):
            raise click.BadParameter(f"{text!r} is not of the form NAME=NUMBER")
    return found


def seconds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """``60``, ``60s``, ``2m`` or ``1h`` → seconds."""
    if value is None:
        return None
    try:
        return seconds_of(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no length of time such as 60s or 2m, a year at most") from error


def precision(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """``2%`` or ``0.02`` → a share."""
    if value is None:
        return None
    try:
        found = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        raise click.BadParameter(f"{value!r} is no precision such as 2%")
    return found


OPTIONS = (
    click.option("--data", metavar="SPEC", help="Score the test split of digits, imagefolder:DIR, npz:FILE, ... as well."),
    click.option("--runtime", metavar="NAME", help="What opens the artifacts; default: each format's own. FILE@NAME for one of them."),
    click.option("--threads", type=click.IntRange(1), help="Threads for every artifact; default: the cores at hand."),
    click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Samples in each inference."),
    click.option("--seconds", callback=seconds, metavar="TIME", help="How long to measure them together; default: 25 rounds."),
    click.option(
        "--precision", callback=precision, metavar="SHARE", help="Measure until the speedup's interval is this narrow either way, as in 2%."
    ),
    click.option("--weights", metavar="SPEC", help="imagenet, or a state dict's file, for a model such as torchvision:resnet18."),
    click.option("--input-shape", "shapes", multiple=True, callback=shapes, metavar="NAME=1,3,224,224", help="What a file leaves open."),
    click.option("--set", "values", multiple=True, callback=values, metavar="NAME=NUMBER", help=SHARED["values"].help),
    click.option("--size", type=click.IntRange(8, 4096), help="Pixels each way, for images of --data."),
    click.option("--mean", callback=numbers, metavar="R,G,B", help="Mean of each channel, for images of --data."),
    click.option("--std", callback=numbers, metavar="R,G,B", help="Standard deviation of each channel."),
    click.option(
        "--seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Of the order of rounds, of made inputs, and of how --data are split.",
    ),
    click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Keep the measurement in DIR/study.json."),
)


def measuring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that measuring and comparing share."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def measuring(seconds: float | None, precision: float | None, **options: Any) -> Measuring:
    """The options as the library's value."""
    from thimble.api.measure import Measuring
    from thimble.core.sampling import Sampling

    return Measuring(sampling=Sampling(seconds=seconds, precision=precision), **options)


@contextmanager
def whole_or_nothing() -> Iterator[None]:
    """Say of a measurement that is interrupted what is true of it: unlike a study it doesn't go on from there."""
    try:
        yield
    except KeyboardInterrupt:
        say_aside("thimble: interrupted; a measurement that is cut off counts for nothing, so start it again")
        raise click.exceptions.Exit(130) from None


@click.command("measure")
@click.argument("artifacts", nargs=-1, required=True, metavar="ARTIFACT...")
@measuring_options
@click.option("--sustained", callback=seconds, metavar="TIME", help="Then run each without a pause for so long: does it slow down?")
@click.option("--throughput", is_flag=True, help="Samples per second at batch sizes 1 to 32.")
@click.option("--energy", is_flag=True, help="Energy per inference, from the processor's counters.")
@click.option("--json", "as_json", is_flag=True, help="Print every raw value as JSON (a study) instead of the tables.")
def command(artifacts: tuple[str, ...], energy: bool, as_json: bool, out: Path | None, **options: Any) -> None:
    """Measure artifacts together; the first one is the baseline.

    ARTIFACT is a folder that Thimble made, a model's file (.onnx, .pt2, .tflite, ...), or a model to export such as torchvision:resnet18.
    """
    from thimble.api.measure import measure
    from thimble.cli._figures import show_figures
    from thimble.cli._progress import Show
    from thimble.study.workflow import Event

    asked = measuring(probes=("energy",) if energy else (), out=out, **options)
    with whole_or_nothing(), Show() as show:
        study = measure(artifacts, asked, lambda done, words: show(Event(done, words)))
    show_figures(study, out, as_json)
