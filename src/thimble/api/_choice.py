"""Which candidate of a study is handed over, and what its bundle says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.registry import RUNTIMES, TARGETS
from thimble.core.study import Candidate, Study, read_study
from thimble.core.summary import Row
from thimble.core.verdict import Proof

if TYPE_CHECKING:
    from thimble.core.summary import Interval


@dataclass(frozen=True)
class Able:
    """A measured candidate: the targets that it runs on, why it would be refused (empty where it isn't), and its figures."""

    name: str
    targets: tuple[str, ...]
    against: str
    figures: Row


@dataclass(frozen=True)
class Candidates:
    """What a study could hand over."""

    candidates: tuple[Able, ...]


@dataclass(frozen=True)
class Choice:
    """What a study would hand over: a candidate, its row of figures, and why the study says otherwise (empty where it doesn't)."""

    candidate: Candidate
    row: Row
    against: str = ""


def candidates(place: str | Path) -> Candidates:
    """Each measured candidate of a study: its figures, the targets that it runs on, and why it would be refused (or nothing)."""
    from thimble.decide.summarize import summarize

    study = read_study(user_path(place))
    summary = summarize(study)
    rows = {row.name: row for row in summary.rows}
    able = [one for one in study.candidates if one.ok]
    targets = {one.name: tuple(t for t in TARGETS.names() if _runs_on(one, t)) for one in able}
    return Candidates(tuple(Able(one.name, targets[one.name], _refusal(study, rows[one.name]), rows[one.name]) for one in able))


def chosen(study: Study, target: str, name: str | None = None) -> Choice:
    """The candidate to hand over. Raises `BadInput` where there is none of that name, or none that runs on the target."""
    from thimble.decide.choose import choose
    from thimble.decide.summarize import summarize

    able = [one for one in study.candidates if one.ok and _runs_on(one, target)]
    if name is None and not able:
        raise BadInput(f"no candidate of the study runs on {target}, which needs one of {', '.join(TARGETS.get(target).runtimes)}")
    if name is not None:
        one = next((one for one in study.candidates if one.name == name), None)
        known = ", ".join(one.name for one in study.candidates if one.ok)
        if one is None or not one.ok:
            raise BadInput(f"the study has no measured candidate {name!r}; it has {known}")
        if one not in able:
            raise BadInput(f"{name} runs in {RUNTIMES.get(one.runtime).title}, which is not available on {target}")
        row = summarize(study).row(name)
        return Choice(one, row, _refusal(study, row))
    if study.chosen not in {one.name for one in able}:
        baseline = study.candidates[0]
        kept = tuple(one for one in study.candidates if one is baseline or one in able)
        picked = choose(replace(study, candidates=kept))
        picked = able[0].name if picked == baseline.name and baseline not in able else picked
        study = replace(study, chosen=picked)
    summary = summarize(study)
    row = summary.row(study.chosen or able[0].name)
    return Choice(study.candidate(row.name), row, "" if summary.met else summary.recommendation)


def reference_of(study: Study, target: str, name: str) -> Candidate | None:
    """The candidate that a bundle of the candidate ``name`` holds to be measured beside: the unchanged network in the same runtime.

    ``None`` where the target doesn't compare, and where there is none but the candidate itself.
    """
    from thimble.decide._family import untouched

    return untouched(study, study.candidate(name)) if TARGETS.get(target).compares else None


def _runs_on(candidate: Candidate, target: str) -> bool:
    able = TARGETS.get(target).runtimes
    return not able or candidate.runtime in able


def _refusal(study: Study, row: Row) -> str:
    """Why a candidate that was named breaks a limit, in the words of the study; nothing where it breaks none."""
    from thimble.decide.limits import breach

    broken = [breach(study, row, name) for name, state in row.limits.items() if state == Proof.BROKEN]
    return f"{row.name} {' and '.join(broken)}" if broken else ""


def facts(study: Study, choice: Choice) -> dict[str, Any]:
    """What a bundle says of its candidate: its name, recipe, precision, and figures with their conditions."""
    row, env = choice.row, study.environment
    unit = "%" if study.task.unit == "%" else study.task.unit
    told: dict[str, Any] = {
        "size": f"{row.size_mb:.4g} MB" if row.size_mb is not None else None,
        "smaller than the baseline": f"{row.compression:.3g}x" if row.compression else None,
        "latency p50": _span(row.latency_p50_ms, " ms"),
        "speedup over the baseline": _span(row.speedup, "x"),
        study.task.metric.replace("_", " "): _span(row.quality, f" {unit}"),
        "drop against the baseline": _span(row.drop, " points"),
        "peak memory above the empty runtime": f"{row.memory_mb:.3g} MB" if row.memory_mb is not None else None,
        "conditions": f"{env.processor}, {study.threads} threads, {env.system}, governor {env.governor}",
    }
    told |= {
        "flash for the model": f"{row.flash_kib:.4g} KiB" if row.flash_kib is not None else None,
        "RAM for tensors": f"{row.ram_kib:.4g} KiB" if row.ram_kib is not None else None,
    }
    figures = {name: value for name, value in told.items() if value is not None}
    figures["limits"] = row.limits
    size = choice.candidate.size
    return {
        "name": choice.candidate.name,
        "recipe": choice.candidate.recipe,
        "precision": kind_of(size.bytes_by_type if size else {}),
        "figures": figures,
        "forced": choice.against,
        "arena_bytes": choice.candidate.cold.arena_bytes if choice.candidate.cold else None,
    }


def _span(figure: Interval | None, unit: str) -> str | None:
    return None if figure is None else f"{figure.value:.4g}{unit} (95 %: {figure.low:.4g} to {figure.high:.4g})"


def kind_of(bytes_by_type: Mapping[str, int]) -> str:
    """``int8``, ``fp16`` or ``fp32``: the type that rounds most among those that hold a tenth of the bytes."""
    total = sum(bytes_by_type.values()) or 1
    shares = {name.lower(): count / total for name, count in bytes_by_type.items()}
    if sum(share for name, share in shares.items() if "int8" in name or "int4" in name or name.startswith("q")) > 0.1:
        return "int8"
    return "fp16" if sum(share for name, share in shares.items() if "float16" in name) > 0.1 else "fp32"
