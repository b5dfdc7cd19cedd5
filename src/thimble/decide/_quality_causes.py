"""Causes of a lower quality."""

from __future__ import annotations

from typing import Any

from thimble.core.processor import int8_support
from thimble.core.registry import runtime_title
from thimble.core.step import Step, step_fields
from thimble.core.study import Candidate, Finding, Quality, Study
from thimble.core.summary import Interval, Row
from thimble.decide import _words as words
from thimble.decide._family import Unknown, does, essence, is_step, on_noise
from thimble.decide.pairs import loss_against
from thimble.decide.rows import metric_of
from thimble.stats import drop_interval, quality_interval

FEW_SAMPLES = 64
"""Calibration samples below which ranges are often wrong."""

SAME_DB = 30.0
"""Above this, outputs on two processors differ by less than INT8 itself costs."""

CLIPPED_INPUT, USED_INPUT, CLIPPED_INSIDE = 0.01, 0.5, 0.005
"""Shares from which ranges are not those of the data at hand."""

NOTABLE_DB = 1.0
"""A difference in signal-to-noise ratio that is worth telling."""


def noise_calibration(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find a calibration on random noise, and its cost against the same calibrated on data."""
    if not any(map(on_noise, essence(candidate))):
        return None
    others = [c for c in study.candidates if c.ok and c.runtime == candidate.runtime and _calibrated_twin(candidate, c)]
    if not others:
        return None
    loss = loss_against(study, candidate.name, others[0].name)
    if loss is None:
        return None
    if loss.low > 0:
        text = (
            f"Calibrated on random noise, it drops {words.points(loss, study.task)} against {others[0].name}, which differs only in its "
            "calibration data: the ranges of noise are not those of real inputs."
        )
    else:
        text = (
            f"Calibrated on random noise, it has no proven drop against {others[0].name}: {words.points(loss, study.task)}. Nothing in "
            "the method guarantees that: calibrate on real inputs."
        )
    return Finding("noise-calibration", text, {"loss": _numbers(loss), "against": [others[0].name]})


def reduced_precision(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find a runtime that computes real numbers in fewer than 32 bits."""
    if row.precision in ("", "float32", "float64"):
        return None
    runtime, asked = runtime_title(candidate.runtime), words.joined(f"{name}={value}" for name, value in candidate.options.items())
    why = f"as {asked} asks" if asked else "though nothing asked for it: its figures are not those of FP32"
    return Finding("reduced-precision", f"{runtime} computes in {row.precision}, {why}.", {"precision": row.precision})


def _calibrated_twin(candidate: Candidate, other: Candidate) -> bool:
    """Return whether two candidates differ only in the calibration data."""
    ours, theirs = essence(candidate), essence(other)
    if len(ours) != len(theirs) or ours[:-1] != theirs[:-1] or on_noise(theirs[-1]):
        return False
    return type(ours[-1]) is type(theirs[-1]) and _other_settings(ours[-1]) == _other_settings(theirs[-1])


def _other_settings(step: Step | Unknown) -> dict[str, Any]:
    """Return a step's settings apart from its calibration data."""
    settings = {"text": step.text} if isinstance(step, Unknown) else step_fields(step)
    return {name: value for name, value in settings.items() if name != "calibration"}


def untrained_pruning(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find removed channels without training afterwards, beside the same with fine-tuning."""
    steps = essence(candidate)
    if not steps or not is_step(steps[-1], "prune_channels") or row.drop is None or row.drop.low <= 0:
        return None
    same = (c for c in study.candidates if c.ok and essence(c)[:-1] == steps and is_step(essence(c)[-1], "finetune"))
    tuned = next(same, None)
    regained = loss_against(study, candidate.name, tuned.name) if tuned else None
    text = f"Removing channels alone costs {words.points(row.drop, study.task)}: the remaining layers were not trained for it"
    if tuned is not None and regained is not None and regained.low > 0:
        text += f"; {tuned.name}, fine-tuned afterwards, scores {words.points(regained, study.task)} more at the same size"
    return Finding("untrained-pruning", f"{text}.", {"drop": _numbers(row.drop)})


def saturation(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find full-range signed weights on a processor that adds pairs of 8-bit products in 16 bits."""
    if int8_support(study.environment.features) != "saturating" or _reduced(candidate) is not False or row.sqnr_db is None:
        return None
    alike = (c for c in study.candidates if c.ok and c.runtime == candidate.runtime and _reduced(c) and _same_but_range(candidate, c))
    other = next(alike, None)
    theirs = next((q.sqnr_db for split in ("test", "validation") if other and (q := other.quality.get(split))), None)
    if other is None or theirs is None or theirs < row.sqnr_db + NOTABLE_DB:
        return None
    loss = loss_against(study, candidate.name, other.name)
    proven = f"; it drops {words.points(loss, study.task)} against {other.name}" if loss and loss.low > 0 else ""
    return Finding(
        "saturation",
        f"Its outputs match the baseline's at {row.sqnr_db:.1f} dB, those of {other.name}, with 7-bit weights, at {theirs:.1f} dB"
        f"{proven}. This processor adds pairs of 8-bit products in 16 bits, which full-range weights overflow.",
        {"sqnr": {"full": row.sqnr_db, "reduced": theirs}},
    )


def _reduced(candidate: Candidate) -> bool | None:
    """Return whether the last static quantization kept weights to 7 bits; ``None`` where there was none."""
    notes = [step.notes["reduce_range"] for step in candidate.steps if "reduce_range" in step.notes]
    return bool(notes[-1]) if notes else None


def _same_but_range(candidate: Candidate, other: Candidate) -> bool:
    ours, theirs = candidate.steps, other.steps
    if len(ours) != len(theirs) or not ours or [step.name for step in ours] != [step.name for step in theirs]:
        return False
    last, other_last = dict(ours[-1].settings), dict(theirs[-1].settings)
    for settings in (last, other_last):
        settings.pop("reduce_range", None)
    return last == other_last


def processor_dependent(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find a file that gives other outputs on a processor without VNNI than on a processor with VNNI."""
    found = candidate.probes.get("processors", {})
    if "here" not in found or found["between_db"] > SAME_DB:
        return None
    samples = words.counted(found["samples"], f"{found['split']} sample")
    loss = _loss_without(study, found)
    proven = "" if loss is None else f": a drop of {words.points(loss, study.task)}" if loss.low > 0 else ", with no proven drop"
    most = max(found["cut"].values(), default=0.0)
    layers = [(name, share) for name, share in found["cut"].items() if share > most / 100][:3]
    worst = words.joined(f"{name} ({words.figure(100 * share)} % of the pairs)" for name, share in layers)
    return Finding(
        "processor-dependent",
        f"{_on_both(study, found)}, on {samples}{proven}. A processor without VNNI adds pairs of 8-bit products in 16 bits, which "
        f"full-range signed weights overflow, here in {worst}. Keep weights to 7 bits (reduce_range=True) for such processors.",
        {"processors": {key: found[key] for key in ("between_db", "cut", "samples", "split")}, "loss": _numbers(loss) if loss else []},
    )


VNNI = ("with VNNI", "without VNNI")


def _on_both(study: Study, found: dict[str, Any]) -> str:
    """Return the figures of the file on both kinds of processors, each measured or emulated."""
    where = {kind: f"{found[kind]['how']}{' here' if kind == found['here'] else ''}" for kind in VNNI}
    scores = {kind: _scores_on(study, found[kind]) for kind in VNNI}
    if all(scores.values()):
        return f"The same file gives {words.joined(f'{scores[kind]} {kind} ({where[kind]})' for kind in VNNI)}"
    ways = words.joined(f"{kind} ({where[kind]})" for kind in VNNI)
    return f"Outputs of the same file {ways} agree only to {found['between_db']:.1f} dB"


def _scores_on(study: Study, found: dict[str, Any]) -> str:
    """Return ``92.3 % and 28.1 dB``: quality on the samples, and agreement with the float model's outputs, as far as known."""
    parts = []
    scored = Quality("", "", study.task.metric, tuple(found["scores"]))
    metric = metric_of(study.task, scored) if found["scores"] else None
    if metric is not None:
        parts.append(f"{words.figure(quality_interval(scored.scores, metric, study.seed).value)}{' %' if study.task.unit == '%' else ''}")
    if found["sqnr_db"] is not None:
        parts.append(f"{found['sqnr_db']:.1f} dB")
    return words.joined(parts)


def _loss_without(study: Study, found: dict[str, Any]) -> Interval | None:
    """Return the drop of the file on a processor without VNNI, on the same samples."""
    scores = [tuple(found[kind]["scores"]) for kind in VNNI]
    metric = metric_of(study.task, Quality("", "", study.task.metric, scores[0])) if all(scores) else None
    return None if metric is None else drop_interval(scores[0], scores[1], metric, study.seed)


def other_inputs(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find inputs that lie outside the calibrated range, or use little of it."""
    for name, shares in candidate.probes.get("ranges", {}).get("input", {}).items():
        if shares["clipped"] <= CLIPPED_INPUT and shares["used"] >= USED_INPUT:
            continue
        span = f"{shares['low']:.2f} to {shares['high']:.2f}"
        what = (
            f"{words.figure(100 * shares['clipped'])} % of the values lie outside that range"
            if shares["clipped"] > CLIPPED_INPUT
            else f"the values use {words.figure(100 * shares['used'])} % of that range"
        )
        return Finding(
            "other-inputs",
            f"Its input {name} was calibrated for values from {span}; on the evaluation data, {what}. Calibration and evaluation "
            "preprocess inputs differently (scale, mean, standard deviation): calibrate on the inputs that the device gets.",
            {"input": {name: shares}},
        )
    return None


def narrow_ranges(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find activations outside the ranges that calibration found, inside the network."""
    found = candidate.probes.get("ranges", {})
    if "tensors" not in found or found["clipped"] <= CLIPPED_INSIDE or other_inputs(study, candidate, row):
        return None
    worst = [f"{name} ({words.figure(100 * shares['clipped'])} %)" for name, shares in list(found["inside"].items())[:3]]
    return Finding(
        "narrow-ranges",
        f"{words.figure(100 * found['clipped'])} % of its activations lie outside the ranges that calibration found, most in "
        f"{words.joined(worst)}: calibrate on more samples, or on inputs like those that the device gets.",
        {"clipped": found["clipped"], "inside": found["inside"]},
    )


def sensitive_layers(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find the most sensitive layers of a quantized network with a proven drop, where they were measured."""
    if not candidate.sensitivity_db or row.drop is None or row.drop.low <= 0 or not does(candidate, "quantize"):
        return None
    worst = sorted(candidate.sensitivity_db.items(), key=lambda item: item[1])[:3]
    layers = words.joined(f"{name} ({value:.1f} dB)" for name, value in worst)
    verb, them = ("suffers", "this layer") if len(worst) == 1 else ("suffer", "these layers")
    return Finding(
        "sensitive-layers",
        f"It drops {words.points(row.drop, study.task)}. Quantized alone, {layers} {verb} most: keep {them} in float.",
        {"layers": dict(worst)},
    )


def small_calibration(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find a proven drop after calibration on few samples."""
    seen = [step.notes["calibration_samples"] for step in candidate.steps if "calibration_samples" in step.notes]
    if not seen or seen[-1] >= FEW_SAMPLES or row.drop is None or row.drop.low <= 0:
        return None
    return Finding(
        "small-calibration",
        f"It drops {words.points(row.drop, study.task)} and was calibrated on {words.counted(seen[-1], 'sample')} only; more samples "
        "may find better ranges.",
        {"calibration": {"samples": seen[-1]}},
    )


def _numbers(interval: Interval) -> list[float]:
    return [interval.value, interval.low, interval.high]
