"""The trade-offs that a study's figures show: one sentence for each pattern, and none for a pattern that isn't there."""

from __future__ import annotations

from thimble.core.summary import Row
from thimble.report import _words as words
from thimble.report._claims import Claims, overlap

EXPORTS = ("to_onnx", "to_pt2", "to_torchscript", "to_openvino", "to_litert", "to_executorch", "to_ncnn", "to_aotinductor", "to_coreml")
"""Steps that change the format and leave the network as it was."""


def tradeoffs(claims: Claims) -> list[str]:
    """What was paid for what was gained, one sentence for each pattern that the figures show."""
    found = (
        _runtime_alone(claims),
        _finetuning(claims),
        _zeros(claims),
        _smaller_not_faster(claims),
        _price_of_speed(claims),
        _frontier(claims),
    )
    return [line for lines in found for line in lines]


def _runtime_alone(claims: Claims) -> list[str]:
    home = claims.first.runtime if claims.first else ""
    alone = [row for row in claims.others if row.runtime != home and _only_exported(row) and row.speedup is not None]
    if not alone:
        return []
    said = words.joined(f"{claims.voice.name(row.name)} in {claims.runtime(row)} is {claims.speed(row)}" for row in alone)
    return [
        f"The runtime by itself, with the same FP32 weights: {said}."
        " What quantization and pruning add must be judged against FP32 in the same runtime."
    ]


def _finetuning(claims: Claims) -> list[str]:
    lines = []
    for tuned in claims.others:
        before = [
            row
            for row in claims.others
            if tuned.recipe.startswith(f"{row.recipe} + finetune(") and tuned.recipe.count("+") == row.recipe.count("+") + 1
        ]
        for row in before:
            if row.quality and tuned.quality and not claims.explained(row, "untrained-pruning") and not overlap(row.quality, tuned.quality):
                lines.append(
                    f"Fine-tuning decides: {claims.voice.name(row.name)} scores {words.percent(row.quality.value)}{claims.unit},"
                    f" {claims.voice.name(tuned.name)} {words.percent(tuned.quality.value)}{claims.unit}, at the same size."
                )
    return lines


def _zeros(claims: Claims) -> list[str]:
    dense = (claims.first.sparsity or 0) if claims.first else 0
    zeroed = [row for row in claims.others if (row.sparsity or 0) > dense + 10 and row.compression is not None and row.compression < 1.05]
    if not zeroed:
        return []
    most = max(zeroed, key=lambda row: row.sparsity or 0)
    if claims.explained(most, "zeros-stored"):
        return []
    deflated = f" ({words.figure(most.size_deflated_mb)} MB deflated)" if most.size_deflated_mb else ""
    speed = f", and is {claims.speed(most)}" if most.speedup else ""
    return [
        f"Zeroed weights are still shipped and still multiplied: {claims.voice.name(most.name)} holds"
        f" {words.figure(most.sparsity)} % zeros in {words.figure(most.size_mb)} MB{deflated}{speed}."
        " Removing channels is what shrinks a network."
    ]


def _smaller_not_faster(claims: Claims) -> list[str]:
    rows = [row for row in claims.others if row.compression and row.compression > 1.2 and row.speedup and row.speedup.low <= 1]
    if not rows:
        return []
    said = [f"{claims.voice.name(row.name)} is {words.times(row.compression)} smaller, but {claims.speed(row)}" for row in rows]
    return [f"Smaller is not always faster: {'; '.join(said)}."]


def _price_of_speed(claims: Claims) -> list[str]:
    """The fastest costs quality, while a slower one is not proven to."""
    fastest = claims.row_named(claims.summary.best.get("fastest"))
    if fastest is None or fastest.drop is None or fastest.drop.low <= 0:
        return []
    safe = [row for row in claims.others if row.drop and row.drop.low <= 0 and row.speedup and row.speedup.low > 1]
    line = (
        f"Speed is paid for in {claims.metric}: the fastest, {claims.voice.name(fastest.name)},"
        f" is {claims.speed(fastest)}, and {claims.loss(fastest)}."
    )
    if not safe:
        return [line]
    other = max(safe, key=lambda row: row.speedup.low if row.speedup else 0)
    return [f"{line} The fastest without a proven loss is {claims.voice.name(other.name)}, {claims.speed(other)}; {claims.loss(other)}."]


def _frontier(claims: Claims) -> list[str]:
    rows = [row for row in claims.rows if row.on_frontier]
    if not rows or len(claims.rows) < 2:
        return []
    return [f"Pareto-optimal: {claims.names(rows, limit=8)}. No other candidate is proven better in one figure and worse in none."]


def _only_exported(row: Row) -> bool:
    steps = [step.partition("(")[0].strip() for step in row.recipe.split(" + ")]
    return all(step in (*EXPORTS, "as given") for step in steps)
