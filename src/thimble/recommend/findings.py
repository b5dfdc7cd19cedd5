"""Causes: why a result disappoints, found in the study's own figures; never more than its intervals prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from thimble.base.study import Candidate, Finding, Study
from thimble.base.summary import Row
from thimble.recommend import _quality_causes, _size_causes, _speed_causes

Cause = Callable[[Study, Candidate, Row], Finding | None]

CAUSES: tuple[Cause, ...] = (
    _size_causes.float_weights,
    _size_causes.zeros_stored,
    _size_causes.external_data,
    _speed_causes.dynamic_slower,
    _speed_causes.signed_activations,
    _speed_causes.int8_not_faster,
    _speed_causes.macs_not_time,
    _speed_causes.runtime_share,
    _quality_causes.noise_calibration,
    _quality_causes.untrained_pruning,
    _quality_causes.saturation,
    _quality_causes.sensitive_layers,
    _quality_causes.small_calibration,
)
"""Each looks for one cause and knows its conditions; they are independent of one another."""


def findings_of(study: Study, rows: Sequence[Row]) -> dict[str, tuple[Finding, ...]]:
    """Findings by candidate. One whose code the candidate already carries, with better evidence, is left out."""
    found = {}
    for row in rows:
        if row.status == "ok":
            candidate = study.candidate(row.name)
            known = {finding.code for finding in candidate.findings}
            causes = (cause(study, candidate, row) for cause in CAUSES)
            found[row.name] = tuple(finding for finding in causes if finding is not None and finding.code not in known)
    return found
