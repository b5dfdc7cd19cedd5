"""``thimble compare-runtimes``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from thimble.api.request import CompareRuntimes
from thimble.cli._json import Command, Form, json_option
from thimble.cli._options import options, request_of

if TYPE_CHECKING:
    from rich.table import Table

    from thimble.core.study import Study
    from thimble.decide.runtimes import RuntimeRow


@click.command("compare-runtimes", cls=Command)
@options(CompareRuntimes)
@json_option()
def command(as_json: Form | None, **given: Any) -> None:
    """Measure MODEL in every available runtime and precision.

    Each runtime gets the model in every precision that a step can write for it. A missing runtime is listed with the
    command that installs it. All forms are timed in the same rounds as the original model, and their outputs are compared
    with its outputs.

    \b
    thimble compare-runtimes torchvision:resnet18 --data digits --threads 1,2 --out runs/runtimes
    thimble compare-runtimes model.onnx --data npz:samples.npz --runtimes onnxruntime,openvino
    """
    from thimble.api.compare_runtimes import compare_runtimes
    from thimble.cli._progress import Show
    from thimble.core.errors import NotWritten

    asked = request_of(CompareRuntimes, given)
    try:
        with Show() as show:
            studies = compare_runtimes(asked, show)
    except NotWritten as error:
        _show(cast("tuple[Study, ...]", error.result), asked, as_json)
        raise
    _show(studies, asked, as_json)


def _show(studies: tuple[Study, ...], asked: CompareRuntimes, as_json: Form | None) -> None:
    """Print the table and the lines below it, or all of it as JSON."""
    from rich.console import Console

    from thimble.cli._json import say_answer
    from thimble.cli._say import say, say_aside
    from thimble.decide.runtimes import runtimes_compared

    found = runtimes_compared(studies)
    if as_json:
        say_answer("runtimes", found)
        return
    console = Console()
    console = console if console.is_terminal else Console(width=200, color_system=None)
    console.print(rows_table(found.rows))
    say(*unmeasured_lines(found.rows))
    say(f"Outputs were compared on {'samples of ' + found.data if found.data else 'noise'}; speedups are against the model as given.")
    say_aside(*(f"warning: {text}" for text in found.warnings))
    if asked.out:
        say_aside(f"Everything is in {asked.out}.")


def unmeasured_lines(rows: Sequence[RuntimeRow]) -> list[str]:
    """A line for each reason why rows have no figures, with their names; once for all numbers of threads."""
    from thimble.core.text import plain

    names: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.reason and row.name not in (known := names.setdefault((row.status, row.reason), [])):
            known.append(row.name)
    return [plain(f"{', '.join(found)}: {status}: {reason}") for (status, reason), found in names.items()]


def rows_table(rows: Sequence[RuntimeRow]) -> Table:
    """A line for each row that was measured."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    several = len({row.threads for row in rows}) > 1
    columns = COLUMNS if several else tuple(column for column in COLUMNS if column[0] != "threads")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, _ in columns:
        table.add_column(heading, justify="left" if heading in ("candidate", "runtime", "computes in") else "right", no_wrap=True)
    for row in rows:
        if not row.reason:
            table.add_row(*(Text(cell(row)) for _, cell in columns))
    return table


def _number(figure: str) -> Callable[[RuntimeRow], str]:
    def cell(row: RuntimeRow) -> str:
        from thimble.cli._figures import number

        return number(getattr(row, figure))

    return cell


def _plain(figure: str) -> Callable[[RuntimeRow], str]:
    def cell(row: RuntimeRow) -> str:
        from thimble.core.text import plain

        return plain(str(getattr(row, figure)))

    return cell


def _middle(row: RuntimeRow) -> str:
    from thimble.cli._figures import middle

    return middle(row.p50_ms)


def _speedup(row: RuntimeRow) -> str:
    from thimble.cli._figures import ends, middle

    return f"{middle(row.speedup)} ({ends(row.speedup)})" if row.speedup else ""


COLUMNS: tuple[tuple[str, Callable[[RuntimeRow], str]], ...] = (
    ("candidate", _plain("name")),
    ("threads", _plain("threads")),
    ("MB", _number("size_mb")),
    ("load ms", _number("load_ms")),
    ("first ms", _number("first_ms")),
    ("p50 ms", _middle),
    ("p95 ms", _number("p95_ms")),
    ("times as fast", _speedup),
    ("memory MB", _number("memory_mb")),
    ("largest diff.", _number("largest")),
    ("SQNR dB", _number("sqnr_db")),
    ("computes in", _plain("precision")),
)
"""The table's columns and their cells."""
