"""What a figure lets one say of a candidate, and no more: the phrases that every sentence is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from thimble.core.study import Study
from thimble.core.summary import Interval, Row, Summary
from thimble.core.verdict import Status
from thimble.report import _words as words


class Voice(Protocol):
    """How a format writes what came from outside, escaped."""

    def name(self, name: str) -> str:
        """A candidate's name or a recipe."""
        ...

    def text(self, text: str) -> str:
        """Words of others, such as an error's."""
        ...


class Claims:
    """One study's measured rows, the baseline first, and the phrases about them."""

    def __init__(self, study: Study, summary: Summary, voice: Voice) -> None:
        self.study, self.summary, self.voice = study, summary, voice
        self.rows = [row for row in summary.rows if row.status == Status.OK and row.size_mb is not None]
        self.first = self.rows[0] if self.rows else None
        self.others = self.rows[1:]
        self.metric = voice.text(words.metric_title(study.task))
        self.unit, self.drop_unit = words.metric_unit(study.task, voice.text), words.drop_unit(study.task, voice.text)

    def runtime(self, row: Row) -> str:
        """The runtime as its makers write it."""
        return self.voice.text(words.runtime_title(row.runtime))

    def speed(self, row: Row) -> str:
        """The speedup as far as it is proven."""
        if row.speedup is None:
            return "its speed against the baseline was not measured"
        said = words.interval(row.speedup, "x")
        if row.speedup.low > 1:
            return f"{said} faster than the baseline"
        if row.speedup.high < 1:
            return f"slower than the baseline, at {said} of its speed"
        return f"not proven faster or slower than the baseline, {said}"

    def loss(self, row: Row) -> str:
        """The loss of quality as far as it is proven."""
        if row.drop is None:
            return "its quality was not measured"
        if row.drop.low > 0:
            return f"it loses {words.points(row.drop, self.drop_unit)}"
        if row.drop.high < 0:
            gain = Interval(-row.drop.value, -row.drop.high, -row.drop.low)
            return f"it gains {words.points(gain, self.drop_unit)}"
        return f"no loss is proven, {words.points(row.drop, self.drop_unit)}"

    def row_named(self, name: str | None) -> Row | None:
        """The measured row of that name."""
        return next((row for row in self.rows if row.name == name), None)

    def explained(self, row: Row, code: str) -> bool:
        """Return whether a finding of that code tells it of this row already."""
        return any(
            finding.code == code for finding in (*row.findings, *(found for name, found in self.summary.findings if name == row.name))
        )

    def names(self, rows: Iterable[Row], limit: int = 5) -> str:
        """The rows' names, ``limit`` at most and the count of the rest."""
        return self.listed([row.name for row in rows], limit)

    def listed(self, given: Iterable[str], limit: int) -> str:
        """The same of names."""
        names = [self.voice.name(name) for name in given]
        return words.joined([*names[:limit], f"{len(names) - limit} more"] if len(names) > limit + 1 else names)


def overlap(one: Interval | None, other: Interval | None) -> bool:
    """Return whether both are there and share a value."""
    return one is not None and other is not None and one.low <= other.high and other.low <= one.high
