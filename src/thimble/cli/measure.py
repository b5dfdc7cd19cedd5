"""``thimble measure``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from thimble.api.request import Measure
from thimble.cli._ends import interrupted_code
from thimble.cli._json import Command, Form, json_option
from thimble.cli._options import options, request_of
from thimble.cli._say import say_aside

if TYPE_CHECKING:
    from thimble.core.study import Study


@contextmanager
def whole_or_nothing() -> Iterator[None]:
    """Say of an interrupted measurement that nothing is saved: unlike a study, it starts again."""
    try:
        yield
    except KeyboardInterrupt:
        say_aside("thimble: interrupted. An incomplete measurement is not kept; run the command again.")
        raise click.exceptions.Exit(interrupted_code()) from None


@click.command("measure", cls=Command)
@click.argument("artifacts", nargs=-1, metavar="ARTIFACT...")
@click.option("--import", "saved", type=click.Path(path_type=Path), metavar="FILE", help="Result that a web bundle's page saved.")
@options(Measure)
@json_option(raw=True)
def command(artifacts: tuple[str, ...], saved: Path | None, as_json: Form | None, **given: Any) -> None:
    """Measure artifacts together; the first is the baseline.

    ARTIFACT is a folder that Thimble made, a bundle, a model's file (.onnx, .pt2, .tflite, ...), or a model to export
    such as torchvision:resnet18. With --on, another device runs all artifacts; --on browser serves a web bundle's page and
    waits for its result. --import shows a result that such a page saved, and takes no artifacts.
    """
    from thimble.api.measure import imported, measure
    from thimble.cli._figures import show_figures
    from thimble.cli._progress import Show
    from thimble.cli.serve import say_address
    from thimble.core.errors import NotWritten
    from thimble.study.telling import Event

    asked = request_of(Measure, given)
    if saved is not None and artifacts:
        raise click.UsageError("--import takes no artifacts: the file holds what was measured.")
    if saved is None and not artifacts:
        raise click.UsageError("Missing argument 'ARTIFACT...'.")
    try:
        with whole_or_nothing(), Show() as show:
            if saved is not None:
                study = imported(saved, asked.out)
            else:
                study = measure(artifacts, asked, lambda done, words: show(Event(done, words)), say_address)
    except NotWritten as error:
        show_figures(cast("Study", error.result), None, as_json)
        raise
    show_figures(study, Path(asked.out) if asked.out else None, as_json)
