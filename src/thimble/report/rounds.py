"""``rounds.csv``: every timing of every measuring run, one a line, for statistics of one's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from thimble.core.study import Study
from thimble.core.summary import Summary
from thimble.core.text import cell
from thimble.report._files import write_text

Timing = tuple[str, bool, str, str, int, int, int, int, float, float, float | None, float | None]
COLUMNS = (
    *("run", "joint", "reference", "member", "round", "opening", "place", "inference", "ms"),
    *("at_s", "others_load", "clock_mhz"),
)
"""``joint`` marks the closing run whose ratios are reported, ``place`` a member's turn in its round, both from 0. ``at_s`` is when the
round began, ``others_load`` the share of the members' cores that other processes used."""


class Rounds:
    """The raw times as CSV, written where it is asked for."""

    files: ClassVar[tuple[str, ...]] = ("rounds.csv",)
    on_request: ClassVar[bool] = True

    def write(self, study: Study, summary: Summary, folder: Path) -> list[Path]:
        """Write ``rounds.csv`` into ``folder``; raises `CannotWrite`."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_text(value) for value in timing] for timing in timings(study))
        return [write_text(folder / self.files[0], stream.getvalue())]


def timings(study: Study) -> Iterator[Timing]:
    """Give every timing in the order of `COLUMNS`."""
    for run in study.runs:
        for i, turn in enumerate(run.rounds):
            shared = (run.id, run.id == study.joint_run, run.reference)
            for place, member in enumerate(turn.order):
                for k, ms in enumerate(turn.samples_ms.get(member, ())):
                    yield (*shared, member, i, turn.opening, place, k, ms, turn.at_s, turn.others_load, turn.clock_mhz)


def _text(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return cell(value)
    return "" if value is None else str(int(value) if isinstance(value, bool) else value)
