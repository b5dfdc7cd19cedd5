"""What the figures say, in sentences made by rules. A sentence claims a difference only where an interval proves it.

The words are the same for every format; a `Voice` says how that format writes a name and a text from outside.
"""

from __future__ import annotations

from typing import Any

from thimble.core.registry import on_phones
from thimble.core.study import Advice, Finding, Study
from thimble.core.summary import Row
from thimble.core.text import plain
from thimble.core.verdict import Status
from thimble.report import _words as words
from thimble.report._claims import Claims, overlap

PHONE_DROP = 1.0
"""Points that a candidate for a phone may lose where the study sets no limit of its own."""
PHONE_ALIKE = 0.05
"""Sizes that differ by no more than this are alike to a phone: the speed measured here then decides."""
ALIKE = 2
"""More warnings of one kind than this become one warning, with the names of all candidates."""


class Prose(Claims):
    """The sentences about one study."""

    def best(self) -> list[str]:
        """Which worked best, by each measure, and whom that best can't be told from."""
        lines = []
        for key, row in ((key, self.row_named(name)) for key, name in self.summary.best.items()):
            if row is not None:
                lines.append(f"{key[:1].upper()}{key[1:]}: {self.voice.name(row.name)}, {self._merit(key, row)}.{self._ties(key, row)}")
        return lines

    def why(self) -> list[str]:
        """Why the chosen one was chosen, where the recommendation's sentence doesn't say it."""
        row = self.row_named(self.summary.chosen)
        if row is None or row is self.first or not self.summary.met or not row.verdict.startswith("chosen"):
            return []
        return [f"{self.voice.name(row.name)} was {self.voice.text(_ended(row.verdict))}"]

    def phone(self) -> list[str]:
        """Which one to take to a phone, and what of its figures carries over."""
        able = [row for row in self.rows if on_phones(row.runtime)]
        if not able:
            return ["For a phone: none of the measured candidates runs in a runtime that is made for phones; export one and measure it."]
        row, why = self._phone_choice(able)
        latency = ""
        if row.latency_p50_ms is not None:
            latency = (
                f" Latency does not carry over: {words.figure(row.latency_p50_ms.value)} ms was measured on"
                f" {self.voice.text(self.study.environment.processor)} with {_threads(self.study)}. A phone has other instructions,"
                " fewer watts and less cooling, and may order the candidates differently: measure there before you decide."
            )
        quality = ""
        if row.quality is not None:
            quality = (
                f" Its {self.metric} carries over as far as INT8 kernels agree: processors round differently, and some saturate;"
                " check it there."
                if _is_int8(row)
                else f" So does its {self.metric}."
            )
        size = f" Its size carries over: {words.figure(row.size_mb)} MB, to be run by {self.runtime(row)}."
        return [f"For a phone: {self.voice.name(row.name)}{why}.{size}{quality}{latency}"]

    def surprises(self) -> list[str]:
        """What was found out about disappointing results, with its evidence."""
        return [self.finding(finding, name) for name, finding in self.summary.findings]

    def finding(self, finding: Finding, name: str = "") -> str:
        """One finding: the candidate's name, its sentence, and what of the evidence the sentence doesn't say yet."""
        text = plain(finding.text)
        rest = [f"{key.replace('_', ' ')} {shown}" for key, shown in _scalars(finding.evidence) if shown not in text]
        text = text.removeprefix(f"{plain(name)}: ") if name else text
        lead = f"{self.voice.name(name)}: " if name and not text.startswith(plain(name)) else ""
        return lead + self.voice.text(f"{text.removesuffix('.')} ({', '.join(rest)})." if rest else text)

    def warnings(self) -> list[str]:
        """What makes the figures less sure than they look, with what to do about it; the same warning is given once."""
        groups: dict[str, list[Advice]] = {}
        for advice in self.summary.warnings:
            groups.setdefault(advice.code, []).append(advice)
        lines = []
        for group in groups.values():
            members = [advice.member for advice in group if advice.member]
            if len(group) > ALIKE and len(members) == len(group):
                first, *others = members
                also = self.listed(others, limit=12)
                lines.append(f"{self.voice.name(first)}: {self.voice.text(_ended(group[0].text))} The same holds for {also}.")
            else:
                lines += [
                    f"{self.voice.name(advice.member)}: {self.voice.text(_ended(advice.text))}"
                    if advice.member
                    else self.voice.text(_sentence(advice.text))
                    for advice in group
                ]
        return lines

    def verdicts(self) -> list[str]:
        """For every candidate but the chosen one, why it was not; those with the same reason together."""
        groups: dict[str, list[str]] = {}
        for row in self.summary.rows:
            reason = words.unmeasured(row) if row.status != Status.OK else plain(row.verdict)
            if row.name != self.summary.chosen and reason:
                groups.setdefault(reason, []).append(row.name)
        return [f"{self.listed(names, limit=12)}: {self.voice.text(reason)}" for reason, names in groups.items()]

    def _merit(self, key: str, row: Row) -> str:
        if key == "smallest":
            ratio = f", {words.times(row.compression)} smaller than the baseline" if row is not self.first and row.compression else ""
            return (
                f"{words.figure(row.size_mb)} MB{ratio}; {self.loss(row)}" if row is not self.first else f"{words.figure(row.size_mb)} MB"
            )
        if key == "fastest":
            ms = [f"{words.figure(row.latency_p50_ms.value)} ms"] if row.latency_p50_ms else []
            gain = [f"{self.speed(row)}; {self.loss(row)}"] if row is not self.first else []
            return ", ".join((*ms, *gain))
        if key == "most accurate" and row.quality is not None:
            return f"{words.quality(row.quality, self.unit)} {self.metric}"
        if key == "most efficient" and row.efficiency is not None:
            return f"{words.figure(row.efficiency)}, which is {self.metric} / (median latency in ms x size in MB)"
        return ""

    def _ties(self, key: str, row: Row) -> str:
        """Who shares the title as far as the intervals can tell."""
        if key == "fastest":
            tied = [other for other in self.rows if other is not row and overlap(other.speedup, row.speedup)]
        elif key == "most accurate" and row is self.first:
            tied = [other for other in self.others if other.drop and other.drop.low <= 0 <= other.drop.high]
        elif key == "most accurate":
            tied = [other for other in self.rows if other is not row and overlap(other.quality, row.quality)]
        else:
            tied = []
        if not tied:
            return ""
        return f" No proven difference from {self.names(tied)}."

    def _phone_choice(self, able: list[Row]) -> tuple[Row, str]:
        """The chosen one where it can run there; else the smallest proven to lose no more than is allowed."""
        allowed = PHONE_DROP if self.study.limits.max_drop is None else self.study.limits.max_drop
        for row in able:
            if row.name == self.summary.chosen:
                return row, ""
        proven = [row for row in able if row.drop is not None and row.drop.high <= allowed]
        if proven:
            least = min(row.size_mb or 0 for row in proven)
            alike = [row for row in proven if (row.size_mb or 0) <= (1 + PHONE_ALIKE) * least]
            row = max(alike, key=lambda row: row.speedup.low if row.speedup else 0)
            which = "the smallest that is" if len(alike) == 1 else f"the fastest of the {len(alike)} smallest (within 5 %) that are"
            return row, f", {which} proven to lose no more than {words.bound(allowed, self.drop_unit)}"
        scored = [row for row in able if row.drop is not None]
        if scored:
            row = min(scored, key=lambda row: row.drop.high if row.drop else 0)
            return row, f", the surest so far: {self.loss(row)}, so {words.bound(allowed, self.drop_unit)} at most is not proven"
        return min(able, key=lambda row: row.size_mb or 0), ", the smallest; its quality was not measured"


def _is_int8(row: Row) -> bool:
    return "quantize" in row.recipe


def _ended(text: str) -> str:
    """A sentence of others with the full stop that it may lack."""
    shown = plain(text)
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."


def _sentence(text: str) -> str:
    shown = _ended(text)
    return shown[:1].upper() + shown[1:]


def _threads(study: Study) -> str:
    return f"{study.threads} thread{'' if study.threads == 1 else 's'}"


def _scalars(evidence: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (plain(key), _scalar(key, value))
        for key, value in evidence.items()
        if isinstance(value, str | int | float) and not (key.startswith("share") and value == 0)
    ]


def _scalar(key: str, value: str | int | float) -> str:
    if isinstance(value, float):
        return words.figure(100 * value, " %") if key.startswith("share") and 0 <= value <= 1 else words.figure(value)
    return plain(value)
