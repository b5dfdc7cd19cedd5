"""What a study says: its rows, which candidate to ship, and why each other one is not."""

from __future__ import annotations

from dataclasses import replace

from thimble.base.study import Study
from thimble.base.summary import Row, Summary
from thimble.recommend.choose import cost, limits_of
from thimble.recommend.findings import findings_of, paired
from thimble.recommend.rows import row_of
from thimble.stats import verdict


def summarize(study: Study) -> Summary:
    """Compute every figure and verdict from the study's raw values. Works on studies that were cut off."""
    rows = [row_of(study, candidate) for candidate in study.candidates]
    rows = [replace(row, limits=limits_of(row, study.limits) if row.status == "ok" else {}) for row in rows]
    frontier = {row.name for row in rows if row.status == "ok" and not any(_beats(other, row) for other in rows if other.status == "ok")}
    chosen = next((row for row in rows if row.name == study.chosen), None)
    by_name = {row.name: row for row in rows}
    found = {c.name: (*c.findings, *findings_of(study, c, by_name)) for c in study.candidates}
    rows = [replace(row, findings=found[row.name]) for row in rows]
    rows = [replace(row, on_frontier=row.name in frontier, verdict=_verdict(row, chosen, rows, study)) for row in rows]
    met = chosen is not None and all(verdict == "met" for verdict in chosen.limits.values())
    run = next((run for run in study.runs if run.id == study.joint_run), None)
    return Summary(
        rows=tuple(rows),
        chosen=study.chosen,
        met=met,
        recommendation=_sentence(chosen, met, study),
        best=_best(rows),
        findings=tuple((row.name, finding) for row in rows for finding in row.findings),
        warnings=run.warnings if run else (),
    )


def _beats(one: Row, other: Row) -> bool:
    """Whether ``one`` is at least as good in everything that both were measured in, and better in something."""
    pairs = [(one.size_mb, other.size_mb), (_ms(one), _ms(other)), (_loss(one), _loss(other))]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    return bool(known) and all(a <= b for a, b in known) and any(a < b for a, b in known)


def _ms(row: Row) -> float | None:
    return row.latency_p50_ms.value if row.latency_p50_ms else None


def _loss(row: Row) -> float | None:
    return row.drop.value if row.drop else None


def _best(rows: list[Row]) -> dict[str, str]:
    ok = [row for row in rows if row.status == "ok"]
    found: dict[str, str] = {}
    if sized := [row for row in ok if row.size_mb is not None]:
        found["smallest"] = min(sized, key=lambda row: row.size_mb or 0).name
    if timed := [row for row in ok if row.latency_p50_ms]:
        found["fastest"] = min(timed, key=lambda row: _ms(row) or 0).name
    if scored := [row for row in ok if row.drop]:
        found["most accurate"] = min(scored, key=lambda row: _loss(row) or 0).name
    if efficient := [row for row in ok if row.efficiency is not None]:
        found["most efficient"] = max(efficient, key=lambda row: row.efficiency or 0).name
    return found


def _sentence(chosen: Row | None, met: bool, study: Study) -> str:
    if chosen is None:
        return "No candidate was chosen: the study did not get that far." if study.candidates else ""
    parts = []
    if chosen.speedup:
        parts.append(f"{chosen.speedup.value:.2f}x as fast as the baseline ({chosen.speedup.low:.2f} to {chosen.speedup.high:.2f})")
    if chosen.compression:
        parts.append(f"{chosen.compression:.1f}x smaller ({chosen.size_mb:.2f} MB)")
    if chosen.drop:
        parts.append(f"{chosen.drop.value:.2f} points lost ({chosen.drop.low:.2f} to {chosen.drop.high:.2f})")
    verdict = f"Ship {chosen.name}" if met else f"Not proven: {chosen.name} comes nearest"
    return f"{verdict}: {', '.join(parts)}." if parts else f"{verdict}."


def _verdict(row: Row, chosen: Row | None, rows: list[Row], study: Study) -> str:
    if row.status != "ok":
        return row.reason
    if chosen is None:
        return ""
    if row.name == chosen.name:
        return "chosen"
    broken = [name for name, verdict in row.limits.items() if verdict == "broken"]
    if broken:
        return f"breaks the limit on {' and '.join(broken)}"
    unproven = [name for name, verdict in row.limits.items() if verdict == "not proven"]
    if unproven and chosen.limits.get(unproven[0]) == "met":
        return f"not proven to keep the limit on {' and '.join(unproven)}"
    return _beaten(row, chosen, study)


def _beaten(row: Row, chosen: Row, study: Study) -> str:
    """Whether the chosen one is proven better in what is minimized, or only came first."""
    by = study.limits.minimize
    if by != "latency":
        return (
            f"beaten by {chosen.name} in {by}" if cost(chosen, by) < cost(row, by) else f"{chosen.name} was chosen on the validation split"
        )
    ratio = paired(study, row.name, chosen.name)
    if ratio is None:
        return f"not among the best in its first look, and so not measured beside {chosen.name}"
    if verdict(ratio) == "faster":
        return f"beaten by {chosen.name}, which is {ratio:.2f} times as fast"
    if verdict(ratio) == "slower":
        return f"faster than {chosen.name}, which was chosen on the validation split for its smaller drop"
    return f"no proven difference in latency: {chosen.name} is {ratio:.2f} times as fast"
