"""Compare two candidates of one study: speed round by round, quality sample by sample."""

from __future__ import annotations

from thimble.core.study import Candidate, Study
from thimble.core.summary import Interval
from thimble.decide._once import drop_once
from thimble.decide.rows import metric_of, runs_of, scored_split
from thimble.stats import flips, speedup_in


def speedup_over(study: Study, one: str, other: str) -> Interval | None:
    """Return how many times as fast ``one`` is as ``other``, round by round in a run with both; else ``None``."""
    for run in runs_of(study):
        if found := speedup_in(run, one, other):
            return found
    return None


def loss_against(study: Study, one: str, other: str) -> Interval | None:
    """Return the drop of ``one`` against ``other`` on the same samples, in points; ``None`` where no split scored both."""
    ours, theirs = study.candidate(one), study.candidate(other)
    split = scored_split(ours, theirs)
    if split is None:
        return None
    metric = metric_of(study.task, ours.quality[split])
    return None if metric is None else drop_once(theirs.quality[split].scores, ours.quality[split].scores, metric, study.seed)


def differing(study: Study, candidate: Candidate) -> tuple[int, int, int] | None:
    """Count the samples that only the baseline gets right, that only the candidate gets right, and all."""
    split = scored_split(study.candidates[0], candidate)
    if split is None or not study.task.binary or study.task.unit != "%":
        return None
    ours, theirs = candidate.quality[split].scores, study.candidates[0].quality[split].scores
    lost, won = flips(theirs, ours) if study.task.higher_is_better else flips(ours, theirs)
    return lost, won, len(ours)
