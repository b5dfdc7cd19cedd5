"""What the figures say, in sentences made by rules. A sentence claims a difference only where an interval proves it.

The words are the same for every format; a `Voice` says how that format writes a name and a text from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from thimble.base.study import Finding, Study
from thimble.base.summary import Interval, Row, Summary
from thimble.report import _words as words

PHONE_RUNTIMES = ("onnxruntime", "litert", "executorch", "ncnn")
"""Runtimes that their makers ship for Android and iOS."""
PHONE_DROP = 1.0
"""Points that a candidate for a phone may lose where the study sets no limit of its own."""
EXPORTS = ("to_onnx", "to_pt2", "to_torchscript", "to_openvino", "to_litert", "to_executorch", "to_ncnn")
"""Steps that change the format and leave the network as it was."""


class Voice(Protocol):
    """How a format writes what came from outside, escaped."""

    def name(self, name: str) -> str:
        """A candidate's name or a recipe."""
        ...

    def text(self, text: str) -> str:
        """Words of others, such as an error's."""
        ...


class Prose:
    """The sentences about one study."""

    def __init__(self, study: Study, summary: Summary, voice: Voice) -> None:
        self.study, self.summary, self.voice = study, summary, voice
        self.rows = [row for row in summary.rows if row.status == "ok" and row.size_mb is not None]
        self.first = self.rows[0] if self.rows else None
        self.others = self.rows[1:]

    def best(self) -> list[str]:
        """Which worked best, by each measure, and whom that best can't be told from."""
        lines = []
        for key, row in ((key, self._row(name)) for key, name in self.summary.best.items()):
            if row is not None:
                lines.append(f"{key[:1].upper()}{key[1:]}: {self.voice.name(row.name)}, {self._merit(key, row)}.{self._ties(key, row)}")
        return lines

    def tradeoffs(self) -> list[str]:
        """What was paid for what was gained, one sentence for each pattern that the figures show."""
        found = (
            self._runtime_alone(),
            self._finetuning(),
            self._zeros(),
            self._smaller_not_faster(),
            self._price_of_speed(),
            self._frontier(),
        )
        return [line for lines in found for line in lines]

    def phone(self) -> list[str]:
        """Which one to take to a phone, and what of its figures carries over."""
        able = [row for row in self.rows if row.runtime in PHONE_RUNTIMES]
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
                " Its accuracy carries over too, up to small differences in how processors round INT8."
                if _is_int8(row)
                else " So does its accuracy."
            )
        size = f" Its size carries over: {words.figure(row.size_mb)} MB, to be run by {words.runtime_title(row.runtime)}."
        return [f"For a phone: {self.voice.name(row.name)}{why}.{size}{quality}{latency}"]

    def surprises(self) -> list[str]:
        """What was found out about disappointing results, with its evidence."""
        return [self.finding(finding, name) for name, finding in self.summary.findings]

    def finding(self, finding: Finding, name: str = "") -> str:
        """One finding: the candidate's name, its sentence, and what of the evidence the sentence doesn't say yet."""
        text = words.plain(finding.text)
        rest = [f"{key.replace('_', ' ')} {shown}" for key, shown in _scalars(finding.evidence) if shown not in text]
        text = text.removeprefix(f"{words.plain(name)}: ") if name else text
        lead = f"{self.voice.name(name)}: " if name and not text.startswith(words.plain(name)) else ""
        return lead + self.voice.text(f"{text.removesuffix('.')} ({', '.join(rest)})." if rest else text)

    def warnings(self) -> list[str]:
        """What makes the figures less sure than they look, with what to do about it."""
        return [
            (f"{self.voice.name(advice.member)}: " if advice.member else "") + self.voice.text(words.plain(advice.text))
            for advice in self.summary.warnings
        ]

    def verdicts(self) -> list[str]:
        """For every candidate but the chosen one, why it was not."""
        return [
            f"{self.voice.name(row.name)}: {self.voice.text(words.plain(row.verdict or words.unmeasured(row)))}"
            for row in self.summary.rows
            if row.name != self.summary.chosen and (row.verdict or row.status != "ok")
        ]

    def speed(self, row: Row) -> str:
        """The speedup as far as it is proven."""
        if row.speedup is None:
            return "its latency was not measured"
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
        unit = words.drop_unit(self.study.task)
        if row.drop.low > 0:
            return f"it loses {words.points(row.drop, unit)}"
        if row.drop.high < 0:
            gain = Interval(-row.drop.value, -row.drop.high, -row.drop.low)
            return f"it gains {words.points(gain, unit)}"
        return f"no loss is proven, {words.points(row.drop, unit)}"

    def _row(self, name: str | None) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)

    def _merit(self, key: str, row: Row) -> str:
        if key == "smallest":
            ratio = f", {words.times(row.compression)} smaller than the baseline" if row is not self.first and row.compression else ""
            return (
                f"{words.figure(row.size_mb)} MB{ratio}; {self.loss(row)}" if row is not self.first else f"{words.figure(row.size_mb)} MB"
            )
        if key == "fastest" and row.latency_p50_ms is not None:
            gain = f", {self.speed(row)}; {self.loss(row)}" if row is not self.first else ""
            return f"{words.figure(row.latency_p50_ms.value)} ms{gain}"
        if key == "most accurate" and row.quality is not None:
            return f"{words.quality(row.quality, words.metric_unit(self.study.task))} {words.metric_title(self.study.task)}"
        if key == "most efficient" and row.efficiency is not None:
            return f"{words.figure(row.efficiency)}, which is {words.metric_title(self.study.task)} / (median latency in ms x size in MB)"
        return ""

    def _ties(self, key: str, row: Row) -> str:
        """Who shares the title as far as the intervals can tell."""
        if key == "fastest":
            tied = [other for other in self.rows if other is not row and _overlap(other.speedup, row.speedup)]
        elif key == "most accurate" and row is self.first:
            tied = [other for other in self.others if other.drop and other.drop.low <= 0 <= other.drop.high]
        elif key == "most accurate":
            tied = [other for other in self.rows if other is not row and _overlap(other.quality, row.quality)]
        else:
            tied = []
        if not tied:
            return ""
        return f" The intervals can't tell it from {self._names(tied)}."

    def _names(self, rows: Iterable[Row], limit: int = 5) -> str:
        names = [self.voice.name(row.name) for row in rows]
        return words.joined([*names[:limit], f"{len(names) - limit} more"] if len(names) > limit + 1 else names)

    def _runtime_alone(self) -> list[str]:
        home = self.first.runtime if self.first else ""
        alone = [row for row in self.others if row.runtime != home and _only_exported(row) and row.speedup is not None]
        if not alone:
            return []
        said = words.joined(f"{self.voice.name(row.name)} in {words.runtime_title(row.runtime)} is {self.speed(row)}" for row in alone)
        return [
            f"The runtime by itself, with the same FP32 weights: {said}."
            " What quantization and pruning add must be judged against FP32 in the same runtime."
        ]

    def _finetuning(self) -> list[str]:
        lines = []
        for tuned in self.others:
            before = [
                row
                for row in self.others
                if tuned.recipe.startswith(f"{row.recipe} + finetune(") and tuned.recipe.count("+") == row.recipe.count("+") + 1
            ]
            for row in before:
                if row.quality and tuned.quality and not _overlap(row.quality, tuned.quality):
                    unit = words.metric_unit(self.study.task)
                    lines.append(
                        f"Fine-tuning decides: {self.voice.name(row.name)} scores {words.percent(row.quality.value)}{unit},"
                        f" {self.voice.name(tuned.name)} {words.percent(tuned.quality.value)}{unit}, at the same size."
                    )
        return lines

    def _zeros(self) -> list[str]:
        dense = (self.first.sparsity or 0) if self.first else 0
        zeroed = [row for row in self.others if (row.sparsity or 0) > dense + 10 and row.compression is not None and row.compression < 1.05]
        if not zeroed:
            return []
        most = max(zeroed, key=lambda row: row.sparsity or 0)
        deflated = f" ({words.figure(most.size_deflated_mb)} MB deflated)" if most.size_deflated_mb else ""
        speed = f", and is {self.speed(most)}" if most.speedup else ""
        return [
            f"Zeroed weights are still shipped and still multiplied: {self.voice.name(most.name)} holds"
            f" {words.figure(most.sparsity)} % zeros in {words.figure(most.size_mb)} MB{deflated}{speed}."
            " Removing channels is what shrinks a network."
        ]

    def _smaller_not_faster(self) -> list[str]:
        rows = [row for row in self.others if row.compression and row.compression > 1.2 and row.speedup and row.speedup.low <= 1]
        if not rows:
            return []
        said = [f"{self.voice.name(row.name)} is {words.times(row.compression)} smaller, but {self.speed(row)}" for row in rows]
        return [f"Smaller is not always faster: {'; '.join(said)}."]

    def _price_of_speed(self) -> list[str]:
        """The fastest costs quality, while a slower one is not proven to."""
        fastest = self._row(self.summary.best.get("fastest"))
        if fastest is None or fastest.drop is None or fastest.drop.low <= 0:
            return []
        safe = [row for row in self.others if row.drop and row.drop.low <= 0 and row.speedup and row.speedup.low > 1]
        line = (
            f"Speed is paid for in {words.metric_title(self.study.task)}: the fastest, {self.voice.name(fastest.name)},"
            f" is {self.speed(fastest)}, and {self.loss(fastest)}."
        )
        if not safe:
            return [line]
        other = max(safe, key=lambda row: row.speedup.low if row.speedup else 0)
        return [f"{line} The fastest without a proven loss is {self.voice.name(other.name)}, {self.speed(other)}; {self.loss(other)}."]

    def _frontier(self) -> list[str]:
        rows = [row for row in self.rows if row.on_frontier]
        if not rows or len(self.rows) < 2:
            return []
        verb = "is" if len(rows) == 1 else "are"
        return [f"On the frontier, beaten by no other in everything, {verb} {self._names(rows, limit=8)}."]

    def _phone_choice(self, able: list[Row]) -> tuple[Row, str]:
        """The chosen one where it can run there; else the smallest proven to lose no more than is allowed."""
        allowed = PHONE_DROP if self.study.limits.max_drop is None else self.study.limits.max_drop
        unit = words.drop_unit(self.study.task)
        for row in able:
            if row.name == self.summary.chosen:
                return row, ""
        proven = [row for row in able if row.drop is not None and row.drop.high <= allowed]
        if proven:
            row = min(proven, key=lambda row: row.size_mb or 0)
            return row, f", the smallest that is proven to lose no more than {words.figure(allowed)}{unit}"
        scored = [row for row in able if row.drop is not None]
        if scored:
            row = min(scored, key=lambda row: row.drop.high if row.drop else 0)
            return row, f", the surest so far: {self.loss(row)}, so {words.figure(allowed)}{unit} at most is not proven"
        return min(able, key=lambda row: row.size_mb or 0), ", the smallest; its quality was not measured"


def _only_exported(row: Row) -> bool:
    steps = [step.partition("(")[0].strip() for step in row.recipe.split(" + ")]
    return all(step in (*EXPORTS, "as given") for step in steps)


def _is_int8(row: Row) -> bool:
    return "quantize" in row.recipe


def _overlap(one: Interval | None, other: Interval | None) -> bool:
    return one is not None and other is not None and one.low <= other.high and other.low <= one.high


def _threads(study: Study) -> str:
    return f"{study.threads} thread{'' if study.threads == 1 else 's'}"


def _scalars(evidence: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (words.plain(key), words.figure(value) if isinstance(value, float) else words.plain(value))
        for key, value in evidence.items()
        if isinstance(value, str | int | float)
    ]
