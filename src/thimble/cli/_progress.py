"""Progress on a terminal: one bar for the whole, what is running, how long yet; finished lines stay."""

from __future__ import annotations

import re
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from thimble.core.text import line

if TYPE_CHECKING:
    from thimble.study.telling import Event


COUNTED = re.compile(r": (epoch|sample|block|layer) \d.*$")
"""What counts within one thing: a bar shows it, and a pipe would get a line for each."""


class Show:
    """Shows events as they come, on standard error; in a pipe, one line for each new thing that begins."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._last = ""

    def __enter__(self) -> Show:
        self._bar.start()
        self._task = self._bar.add_task("starting", total=1.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if event.finished:
            self._console.print(line(event.finished), markup=False, highlight=False, soft_wrap=True)
        elif self._console.is_terminal:
            self._bar.update(self._task, completed=event.done, description=line(event.what))
        else:
            what = COUNTED.sub("", line(event.what))
            if what != self._last:
                self._last = what
                self._console.print(f"{event.done:4.0%} {what}", markup=False, highlight=False, soft_wrap=True)
