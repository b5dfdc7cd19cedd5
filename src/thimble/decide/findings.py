"""Find causes of disappointing results in the study's own figures, never more than the intervals prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from thimble.core.study import Candidate, Finding, Study
from thimble.core.summary import Row
from thimble.core.verdict import Status
from thimble.decide import _graph_causes, _quality_causes, _size_causes, _speed_causes, _step_causes
from thimble.decide._family import essence, float_sibling
from thimble.decide.rows import row_of

Cause = Callable[[Study, Candidate, Row], Finding | None]

CAUSES: tuple[Cause, ...] = (
    _size_causes.float_weights,
    _size_causes.zeros_stored,
    _size_causes.external_data,
    _size_causes.fake_quantized,
    _size_causes.on_boards,
    _step_causes.left_in_float,
    _step_causes.float_subgraphs,
    _step_causes.left_unpruned,
    _speed_causes.dynamic_slower,
    _speed_causes.signed_activations,
    _speed_causes.int8_not_faster,
    _graph_causes.float_islands,
    _graph_causes.dynamic_convolutions,
    _graph_causes.batch_norms_left,
    _graph_causes.subnormal_numbers,
    _graph_causes.optimised_too_far,
    _speed_causes.macs_not_time,
    _speed_causes.runtime_share,
    _quality_causes.reduced_precision,
    _quality_causes.noise_calibration,
    _quality_causes.untrained_pruning,
    _quality_causes.saturation,
    _quality_causes.processor_dependent,
    _quality_causes.other_inputs,
    _quality_causes.narrow_ranges,
    _quality_causes.sensitive_layers,
    _quality_causes.small_calibration,
)
"""Each looks for one cause and knows its conditions; they are independent of one another."""


def findings_of(study: Study, rows: Sequence[Row]) -> dict[str, tuple[Finding, ...]]:
    """Return the findings by candidate, without those whose code the candidate already carries with better evidence."""
    found = {}
    for row in rows:
        if row.status == Status.OK:
            candidate = study.candidate(row.name)
            known = {finding.code for finding in candidate.findings}
            causes = (cause(study, candidate, row) for cause in CAUSES)
            found[row.name] = tuple(finding for finding in causes if finding is not None and finding.code not in known)
    return found


def suspects(study: Study, names: Sequence[str] | None = None, most: int = 6) -> list[str]:
    """Return the candidates to examine for causes: changed ONNX files, the chosen candidate first.

    Then those that lose most, and those that are slower than the float form or the baseline. ``names`` narrows it down.
    """
    rows = {candidate.name: row_of(study, candidate) for candidate in study.candidates if candidate.ok}
    able = [
        candidate
        for candidate in study.candidates
        if candidate.name in rows
        and (names is None or candidate.name in names)
        and candidate.runtime == "onnxruntime"
        and candidate.artifact is not None
        and (essence(candidate) or candidate.recipe == "as given")
    ]

    def order(candidate: Candidate) -> tuple[bool, bool, float]:
        row = rows[candidate.name]
        lost = row.drop.low if row.drop else 0.0
        return candidate.name != study.chosen, lost <= 0, row.speedup.value if row.speedup else 0.0

    return [candidate.name for candidate in sorted(able, key=order)[:most]]


def float_form(study: Study, candidate: Candidate) -> str | None:
    """Return the name of the candidate with the same network in the same runtime, not quantized."""
    sibling = float_sibling(study, candidate)
    return sibling.name if sibling else None
