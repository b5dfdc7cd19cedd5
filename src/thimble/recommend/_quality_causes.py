"""Why an artifact is less accurate."""

from __future__ import annotations

from thimble.base.processor import int8_support
from thimble.base.study import Candidate, Finding, Study
from thimble.base.summary import Interval, Row
from thimble.recommend import _words as words
from thimble.recommend._family import essence, name_of, uses
from thimble.recommend.pairs import loss_against

FEW_SAMPLES = 64
"""Calibration samples below which ranges are often wrong."""

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
