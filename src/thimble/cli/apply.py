"""``thimble apply``."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from thimble.api.request import Apply
from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._options import Directory, options, request_of
from thimble.cli._say import say
from thimble.core.values import MB

if TYPE_CHECKING:
    from thimble.api.apply import Applied, Change

TOLD = ("output_shapes", "endings", "parameters_before", "parameters_after", "weights")
"""Notes that the figures say already, or that say where the model came from."""

HARDLY = 0.95
"""An artifact of more than this share of its source's bytes is said to be hardly smaller."""

SENTENCES = ("training_mode", "batch", "baked", "widened", "weights_left")
"""Notes that are sentences."""


@click.command("apply", cls=Command)
@options(Apply)
@click.option("--out", required=True, type=Directory(), metavar="DIR", help="Folder of the artifact; an older one is replaced.")
@json_option()
def command(out: Path, as_json: Form | None, **given: Any) -> None:
    """Build RECIPE on MODEL and write the artifact to DIR.

    RECIPE is a list of steps joined by +, or the name of a recipe: see thimble list steps, thimble list recipes. MODEL is
    torchvision:NAME, timm:NAME, file.py:function, a .onnx file or a .pt2 archive. An exporter is inserted where the formats
    of two steps differ. Finished steps are kept, and a second run reuses them. The folder still runs after it is copied.

    \b
    thimble apply "prune_channels(0.5) + finetune(2) + onnx_quantize_static()" \\
        torchvision:resnet18 --data digits --out small
    thimble apply "onnx_quantize_dynamic()" model.onnx --out dynamic
    thimble apply onnx-int8 net.py:network --weights net.pt --data npz:sensors.npz --out int8
    """
    from thimble.api.apply import apply
    from thimble.cli._progress import Show
    from thimble.core.errors import NotWritten

    try:
        with Show() as show:
            applied = apply(request_of(Apply, given), out, show)
    except NotWritten as error:
        _show(cast("Applied", error.result), as_json, there=False)
        raise
    _show(applied, as_json)


def _show(applied: Applied, as_json: Form | None, there: bool = True) -> None:
    """What was done; what to do next where the artifact is ``there``."""
    if as_json:
        say_answer("artifact", applied)
    else:
        say(*(told(applied) if there else told(applied)[:-1]))


def told(applied: Applied) -> list[str]:
    """The steps with what each one changed, and what the artifact is."""
    lines: list[str] = []
    before: Change | None = None
    for change in applied.changes:
        lines += _lines(change, before)
        before = change
    size = applied.size
    counts = (("parameters", size.parameters), ("MACs", size.macs))
    said = [f"{size.bytes / MB:.3g} MB ({size.deflated_bytes / MB:.3g} deflated)", *(f"{_count(n)} {name}" for name, n in counts if n)]
    lines += ["", f"{applied.folder}: {', '.join(said)}", f"  {applied.artifact.main}, for {_title(applied.runtime)}"]
    return [*lines, f"  next: thimble measure {applied.folder}" + _hint(applied), *_beside(applied)]


def _beside(applied: Applied) -> list[str]:
    """The last line: size and speed beside the file that was quantized, and in plain words where one of them disappoints."""
    found = applied.beside
    if found is None:
        return []
    share, speed = applied.size.bytes / found.bytes, found.speedup
    computed = any("computed in the graph" in str(change.notes.get("normalised")) for change in applied.changes)
    why = " (that file computes its weights, this one stores them)" if computed and share > 1 else ""
    words = [] if share < HARDLY else ["hardly smaller" if share < 1 else f"larger{why}"]
    words += ["slower"] if speed and speed.high < 1 else ["not proven faster"] if speed and speed.low <= 1 else []
    times = f"{speed.value:.2f}x ({speed.low:.2f}-{speed.high:.2f}) as fast" if speed else f"its speed was not measured ({found.reason})"
    said = f"beside {found.name}: {share:.0%} of its size, {times}"
    return [f"{said}{': it is ' if words else ''}{' and '.join(words)}"]


def _lines(change: Change, before: Change | None) -> list[str]:
    """One step: its text and time, then its figures beside those before it, then what it noted."""
    time = "" if before is None else "kept from before" if change.cached else f"{change.seconds:.1f} s"
    put_in = "  (put in)" if change.inserted else ""
    lines = [f"{'' if before is None else '+ '}{change.text}{put_in}{f'  [{time}]' if time else ''}"]
    was = before or replace(change, parameters=None, macs=None, bytes=None)
    figures = [
        _figure("parameters", change.parameters, was.parameters, _count),
        _figure("MACs", change.macs, was.macs, _count),
        _figure("", change.bytes, was.bytes, lambda n: f"{n / MB:.3g} MB"),
    ]
    format = change.format if was.format == change.format else f"{was.format} -> {change.format}"
    source = [str(change.notes["weights"])] if "weights" in change.notes else []
    notes = [_said(name, value) for name, value in change.notes.items() if _telling(name, value)]
    for told in (", ".join(filter(None, [format, *figures])), "; ".join([*source, *notes])):
        lines += textwrap.wrap(told, 80, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return lines


def _telling(name: str, value: Any) -> bool:
    """Return whether a note says what the figures don't, briefly."""
    return name not in TOLD and value not in ({}, [], "") and len(_note(value)) < 300


def _figure(name: str, now: int | None, before: int | None, text: Any) -> str:
    if now is None:
        return ""
    if not before or now == before:
        return f"{name} {text(now)}".strip()
    return f"{name} {text(before)} -> {text(now)} ({now / before:.0%})".strip()


def _said(name: str, value: Any) -> str:
    """Return a note in words: ``agreement 127.4 dB``; a sentence stays as it is."""
    if name.endswith("_db"):
        return f"{name.removesuffix('_db').replace('_', ' ')} {_note(value)} dB"
    return _note(value) if name in SENTENCES else f"{name.replace('_', ' ')} {_note(value)}"


def _note(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _count(number: int) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return str(number)


def _title(runtime: str) -> str:
    from thimble.core.registry import RUNTIMES

    return str(RUNTIMES.get(runtime).title)


def _hint(applied: Applied) -> str:
    """What a folder's own runtime would not be."""
    from thimble.core.registry import RUNTIMES

    native = RUNTIMES.get(applied.runtime).formats[0] == applied.artifact.format
    return "" if native else f" --runtime {applied.runtime}"
