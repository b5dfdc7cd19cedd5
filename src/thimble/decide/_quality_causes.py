"""Why an artifact is less accurate."""

from __future__ import annotations

from typing import Any

from thimble.core.processor import int8_support
from thimble.core.study import Candidate, Finding, Quality, Study
from thimble.core.summary import Interval, Row
from thimble.decide import _words as words
from thimble.decide._family import essence, name_of, uses
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
    """Calibrated on random noise: what that cost against the same, calibrated on data."""
    if not any("'noise'" in term for term in essence(candidate)):
        return None
    others = [c for c in study.candidates if c.ok and c.runtime == candidate.runtime and _calibrated_twin(candidate, c)]
    if not others:
        return None
    loss = loss_against(study, candidate.name, others[0].name)
    if loss is None:
        return None
    if loss.low > 0:
        text = (
            f"Calibrated on random noise it loses {words.points(loss, study.task)} against {others[0].name}, which differs only in that: "
            "the ranges of noise are not those of real inputs."
        )
    else:
        text = (
            f"Calibrated on random noise it is not proven to lose anything against {others[0].name}: {words.points(loss, study.task)}; "
            "nothing in the method promises that, so calibrate on real inputs."
        )
    return Finding("noise-calibration", text, {"loss": _numbers(loss), "against": [others[0].name]})


def _calibrated_twin(candidate: Candidate, other: Candidate) -> bool:
    """Whether the two differ in nothing but the calibration data."""
    ours, theirs = essence(candidate), essence(other)
    return (
        len(ours) == len(theirs)
        and ours[:-1] == theirs[:-1]
        and name_of(ours[-1]) == name_of(theirs[-1])
        and "'noise'" not in theirs[-1]
        and _other_settings(ours[-1]) == _other_settings(theirs[-1])
    )


def _other_settings(term: str) -> list[str]:
    """A step's settings apart from its calibration data."""
    inner = term.partition("(")[2].removesuffix(")")
    parts = [part.strip() for part in inner.split(",") if part.strip()]
    ignored = ("'noise'", "'data'", "calibration='noise'", "calibration='data'")
    return [part for part in parts if part not in ignored]


def untrained_pruning(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Channels removed and nothing learned since, beside the same with fine-tuning."""
    steps = essence(candidate)
    if not steps or name_of(steps[-1]) != "prune_channels" or row.drop is None or row.drop.low <= 0:
        return None
    same = (c for c in study.candidates if c.ok and essence(c)[:-1] == steps and name_of(essence(c)[-1]) == "finetune")
    tuned = next(same, None)
    regained = loss_against(study, candidate.name, tuned.name) if tuned else None
    text = f"Removing channels by itself costs {words.points(row.drop, study.task)}: the layers that stay were not made for it"
    if tuned is not None and regained is not None and regained.low > 0:
        text += f"; {tuned.name}, trained a little after that, has {words.points(regained, study.task)} more at the same size"
    return Finding("untrained-pruning", f"{text}.", {"drop": _numbers(row.drop)})


def saturation(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Full-range signed weights on a processor that adds pairs of 8-bit products in 16 bits."""
    if int8_support(study.environment.features) != "saturating" or _reduced(candidate) is not False or row.sqnr_db is None:
        return None
    alike = (c for c in study.candidates if c.ok and c.runtime == candidate.runtime and _reduced(c) and _same_but_range(candidate, c))
    other = next(alike, None)
    theirs = next((q.sqnr_db for split in ("test", "validation") if other and (q := other.quality.get(split))), None)
    if other is None or theirs is None or theirs < row.sqnr_db + NOTABLE_DB:
        return None
    loss = loss_against(study, candidate.name, other.name)
    proven = f", and loses {words.points(loss, study.task)} against it" if loss and loss.low > 0 else ""
    return Finding(
        "saturation",
        f"Its outputs follow the baseline's at {row.sqnr_db:.1f} dB, those of {other.name}, with 7-bit weights, at {theirs:.1f} dB"
        f"{proven}: this processor adds pairs of 8-bit products in 16 bits, which full-range weights overflow.",
        {"sqnr": {"full": row.sqnr_db, "reduced": theirs}},
    )


def _reduced(candidate: Candidate) -> bool | None:
    """Whether the last static quantization kept weights to 7 bits; ``None`` where there was none."""
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
    """The same file on a processor with VNNI and on one without: how far apart its outputs and its scores are."""
    found = candidate.probes.get("processors", {})
    if "here" not in found or found["between_db"] > SAME_DB:
        return None
    samples = words.counted(found["samples"], f"{found['split']} sample")
    loss = _loss_without(study, found)
    proven = "" if loss is None else f": {words.points(loss, study.task)} lost" if loss.low > 0 else ", where no loss is proven"
    most = max(found["cut"].values(), default=0.0)
    layers = [(name, share) for name, share in found["cut"].items() if share > most / 100][:3]
    worst = words.joined(f"{name} ({words.figure(100 * share)} % of the pairs)" for name, share in layers)
    return Finding(
        "processor-dependent",
        f"{_on_both(study, found)}, on {samples}{proven}. Without VNNI pairs of 8-bit products are added in 16 bits, which full-range "
        f"signed weights overflow, here in {worst}: keep weights to 7 bits (reduce_range=True) for such processors.",
        {"processors": {key: found[key] for key in ("between_db", "cut", "samples", "split")}, "loss": _numbers(loss) if loss else []},
    )


VNNI = ("with VNNI", "without VNNI")


def _on_both(study: Study, found: dict[str, Any]) -> str:
    """What the file gives on both kinds of processors, and how each is known."""
    where = {kind: f"{found[kind]['how']}{' here' if kind == found['here'] else ''}" for kind in VNNI}
    told = {kind: _scores_on(study, found[kind]) for kind in VNNI}
    if all(told.values()):
        return f"The same file gives {words.joined(f'{told[kind]} {kind} ({where[kind]})' for kind in VNNI)}"
    ways = words.joined(f"{kind} ({where[kind]})" for kind in VNNI)
    return f"The same file's outputs {ways} agree to no more than {found['between_db']:.1f} dB"


def _scores_on(study: Study, found: dict[str, Any]) -> str:
    """``92.3 % and 28.1 dB``: its quality on the samples, and how its outputs follow the float model's, as far as known."""
    parts = []
    scored = Quality("", "", study.task.metric, tuple(found["scores"]))
    metric = metric_of(study.task, scored) if found["scores"] else None
    if metric is not None:
        parts.append(f"{words.figure(quality_interval(scored.scores, metric, study.seed).value)}{' %' if study.task.unit == '%' else ''}")
    if found["sqnr_db"] is not None:
        parts.append(f"{found['sqnr_db']:.1f} dB")
    return words.joined(parts)


def _loss_without(study: Study, found: dict[str, Any]) -> Interval | None:
    """What the file loses on a processor without VNNI, on the same samples."""
    scores = [tuple(found[kind]["scores"]) for kind in VNNI]
    metric = metric_of(study.task, Quality("", "", study.task.metric, scores[0])) if all(scores) else None
    return None if metric is None else drop_interval(scores[0], scores[1], metric, study.seed)


def other_inputs(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Inputs that lie beyond the range, or use little of it, that the file was calibrated for."""
    for name, shares in candidate.probes.get("ranges", {}).get("input", {}).items():
        if shares["clipped"] <= CLIPPED_INPUT and shares["used"] >= USED_INPUT:
            continue
        span = f"{shares['low']:.2f} to {shares['high']:.2f}"
        what = (
            f"{words.figure(100 * shares['clipped'])} % of the values lie beyond it"
            if shares["clipped"] > CLIPPED_INPUT
            else f"they use {words.figure(100 * shares['used'])} % of it"
        )
        return Finding(
            "other-inputs",
            f"Its input {name} was calibrated for values from {span}, and of the data at hand {what}: calibration and evaluation "
            "preprocess their inputs differently (scale, mean, standard deviation), so calibrate on the inputs it will get.",
            {"input": {name: shares}},
        )
    return None


def narrow_ranges(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Activations beyond the ranges that calibration found, inside the network."""
    found = candidate.probes.get("ranges", {})
    if "tensors" not in found or found["clipped"] <= CLIPPED_INSIDE or other_inputs(study, candidate, row):
        return None
    worst = [f"{name} ({words.figure(100 * shares['clipped'])} %)" for name, shares in list(found["inside"].items())[:3]]
    return Finding(
        "narrow-ranges",
        f"{words.figure(100 * found['clipped'])} % of its activations lie beyond the ranges that calibration found, most in "
        f"{words.joined(worst)}: calibrate on more samples, or on such as it will get.",
        {"clipped": found["clipped"], "inside": found["inside"]},
    )


def sensitive_layers(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Where a quantized network with a proven loss loses most, where that was measured."""
    if not candidate.sensitivity_db or row.drop is None or row.drop.low <= 0 or not uses(candidate, "quantize"):
        return None
    worst = sorted(candidate.sensitivity_db.items(), key=lambda item: item[1])[:3]
    layers = words.joined(f"{name} ({value:.1f} dB)" for name, value in worst)
    verb = "suffers" if len(worst) == 1 else "suffer"
    return Finding(
        "sensitive-layers",
        f"It loses {words.points(row.drop, study.task)}; quantized alone, {layers} {verb} most: keep them in float.",
        {"layers": dict(worst)},
    )


def small_calibration(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """A proven loss after calibration on few samples."""
    seen = [step.notes["calibration_samples"] for step in candidate.steps if "calibration_samples" in step.notes]
    if not seen or seen[-1] >= FEW_SAMPLES or row.drop is None or row.drop.low <= 0:
        return None
    return Finding(
        "small-calibration",
        f"It loses {words.points(row.drop, study.task)} and was calibrated on {words.counted(seen[-1], 'sample')} only; more of "
        "them may find better ranges.",
        {"calibration": {"samples": seen[-1]}},
    )


def _numbers(interval: Interval) -> list[float]:
    return [interval.value, interval.low, interval.high]
