"""Why a number disappoints: causes, each from the study's own figures and with its evidence."""

from __future__ import annotations

from collections.abc import Iterator

from thimble.base.study import Candidate, Finding, Study
from thimble.base.summary import Interval, Row
from thimble.stats import ratio_interval, verdict

VNNI = {"avx-vnni", "avx512-vnni", "amx-int8", "avx_vnni", "avx512_vnni", "amx_int8", "dotprod", "i8mm", "asimddp"}
"""Instruction sets that add products of 8-bit numbers in 32 bits."""


def findings_of(study: Study, candidate: Candidate, rows: dict[str, Row]) -> tuple[Finding, ...]:
    """The causes that explain this candidate's figures; none where nothing surprises."""
    row = rows[candidate.name]
    if row.status != "ok" or candidate.name == study.candidates[0].name:
        return ()
    return (
        *_not_smaller(study, candidate, row),
        *_zeros_that_ship(candidate, row, rows[study.candidates[0].name]),
        *_not_faster(study, candidate, rows),
        *_fewer_macs(row, rows[study.candidates[0].name]),
        *_calibrated_on_noise(study, candidate, row, rows),
        *_lost_by_pruning(study, candidate, row, rows),
    )


def _steps(candidate: Candidate) -> list[str]:
    return [step.name for step in candidate.steps]


def _quantized(candidate: Candidate) -> bool:
    return any("quantize" in name for name in _steps(candidate))


def _not_smaller(study: Study, candidate: Candidate, row: Row) -> Iterator[Finding]:
    """INT8 was asked for, and most of what ships is still float."""
    size = candidate.size
    if not size or not _quantized(candidate) or not size.bytes_by_type:
        return
    total = sum(size.bytes_by_type.values())
    floats = sum(count for kind, count in size.bytes_by_type.items() if kind.startswith(("float", "bfloat")))
    if total and floats > 0.5 * total:
        notes = next((step.notes for step in reversed(candidate.steps) if "quantize" in step.name), {})
        layers = notes.get("float_layers")
        why = f": {', '.join(f'{n} {kind}' for kind, n in layers.items() if n)} stayed in float" if isinstance(layers, dict) else ""
        text = (
            f"{floats / total:.0%} of its weights' bytes are still floating point, so it is {row.compression or 1:.2f}x smaller only{why}."
        )
        yield Finding("still-float", text, {"bytes_by_type": size.bytes_by_type, "float_layers": layers})


def _zeros_that_ship(candidate: Candidate, row: Row, baseline: Row) -> Iterator[Finding]:
    """Unstructured zeros are stored and multiplied like any other number."""
    if (
        "prune_weights" not in _steps(candidate)
        or not row.sparsity
        or row.sparsity < 5
        or row.size_mb is None
        or row.size_deflated_mb is None
    ):
        return
    before = baseline.size_deflated_mb
    saved = f", deflated {row.size_deflated_mb:.1f} MB instead of {before:.1f}" if before else ""
    speed = ""
    if row.speedup and verdict(row.speedup) == "no proven difference":
        speed = "; a speedup is not proven, since dense kernels multiply zeros too"
    text = f"{row.sparsity:.0f} % of its parameters are zero, and it ships {row.size_mb:.1f} MB all the same{saved}{speed}."
    yield Finding("zeros-ship", text, {"sparsity": row.sparsity, "deflated_mb": row.size_deflated_mb})


def _not_faster(study: Study, candidate: Candidate, rows: dict[str, Row]) -> Iterator[Finding]:
    """INT8 that is not proven faster than FP32 in the same runtime."""
    plain = _same_in_float(study, candidate)
    if not _quantized(candidate) or plain is None:
        return
    ratio = paired(study, plain.name, candidate.name)
    if ratio is None or verdict(ratio) == "faster":
        return
    how = "slower than" if verdict(ratio) == "slower" else "not proven faster than"
    if "onnx_quantize_dynamic" in _steps(candidate):
        cause = "its convolutions became ConvInteger, which finds its ranges anew at every inference and has no fast kernel here"
    elif not VNNI & set(study.environment.features):
        cause = "this processor has no instruction that adds products of 8-bit numbers in 32 bits (VNNI, dot product)"
    else:
        cause = "look for quantize and dequantize operators that were left unfused"
    times = Interval(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
    text = f"It is {how} {plain.name}, FP32 in the same runtime (times its time: {times:.2f}): {cause}."
    yield Finding("int8-not-faster", text, {"against": plain.name, "speedup": [ratio.value, ratio.low, ratio.high]})


def _fewer_macs(row: Row, baseline: Row) -> Iterator[Finding]:
    """Fewer multiplications bought less time than they promised."""
    if not (row.macs and baseline.macs and row.speedup and row.runtime == baseline.runtime) or row.macs > 0.95 * baseline.macs:
        return
    promised = baseline.macs / row.macs
    if row.speedup.high < promised:
        text = (
            f"It has {promised:.1f}x fewer MACs and is {row.speedup.value:.1f}x as fast ({row.speedup.low:.1f} to {row.speedup.high:.1f}): "
            "memory traffic and the fixed cost of each operator don't shrink with the MACs."
        )
        yield Finding("macs-promise-more", text, {"macs_ratio": promised, "speedup": row.speedup.value})


def _calibrated_on_noise(study: Study, candidate: Candidate, row: Row, rows: dict[str, Row]) -> Iterator[Finding]:
    """The same recipe calibrated on noise and on data, side by side."""
    if not any(step.settings.get("calibration") == "noise" for step in candidate.steps):
        return
    twin = next((c for c in study.candidates if c.ok and c.runtime == candidate.runtime and _same_but_calibration(c, candidate)), None)
    if twin is None or row.sqnr_db is None or (other := rows[twin.name]).sqnr_db is None:
        return
    lost = ""
    if row.drop and other.drop:
        lost = f", and it loses {row.drop:.2f} points where {twin.name} loses {other.drop:.2f}"
    text = f"Calibrated on noise its outputs keep {row.sqnr_db:.1f} dB of the baseline's, on data {other.sqnr_db:.1f} dB{lost}."
    yield Finding("calibrated-on-noise", text, {"sqnr_db": row.sqnr_db, "twin": twin.name, "twin_sqnr_db": other.sqnr_db})


def _lost_by_pruning(study: Study, candidate: Candidate, row: Row, rows: dict[str, Row]) -> Iterator[Finding]:
    """Channels were removed and nothing made up for them."""
    names = _steps(candidate)
    if "prune_channels" not in names or "finetune" in names or not row.drop or row.drop.low < 5:
        return
    tuned = next(
        (c.name for c in study.candidates if c.ok and {"prune_channels", "finetune"} <= set(_steps(c)) and rows[c.name].drop), None
    )
    back = f"; {tuned}, fine-tuned, loses {rows[tuned].drop:.2f}" if tuned else "; fine-tune it"
    text = f"Removing channels without fine-tuning costs {row.drop.value:.1f} points ({row.drop.low:.1f} to {row.drop.high:.1f}){back}."
    yield Finding("pruned-not-tuned", text, {"drop": row.drop.value, "tuned": tuned})


def paired(study: Study, reference: str, other: str) -> Interval | None:
    """How many times faster ``other`` is than ``reference``, from the last run that measured both; ``None`` without one."""
    for run in sorted(study.runs, key=lambda run: run.id == study.joint_run, reverse=True):
        both = [r.samples_ms for r in run.rounds if reference in r.samples_ms and other in r.samples_ms]
        if both:
            return ratio_interval([samples[reference] for samples in both], [samples[other] for samples in both], run.seed)
    return None


def _same_in_float(study: Study, candidate: Candidate) -> Candidate | None:
    """The candidate in the same runtime that has the same steps but the quantization."""
    wanted = [step.text for step in candidate.steps if "quantize" not in step.name]
    for other in study.candidates:
        if other.ok and other.runtime == candidate.runtime and other.name != candidate.name:
            own = [step.text for step in other.steps]
            if own == wanted or [text for text in own if not text.startswith("to_")] == [
                text for text in wanted if not text.startswith("to_")
            ]:
                return other
    return None


def _same_but_calibration(one: Candidate, noisy: Candidate) -> bool:
    def form(candidate: Candidate) -> list[object]:
        return [(s.name, {k: v for k, v in s.settings.items() if k != "calibration"}) for s in candidate.steps]

    return one.name != noisy.name and form(one) == form(noisy)
