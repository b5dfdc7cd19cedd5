"""Quality of an artifact on a split: scores sample by sample, and how its outputs compare with the baseline's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.errors import BadInput
from thimble.core.registry import snake_case
from thimble.core.seen import digests_of, read_seen
from thimble.core.step import Progress, silent
from thimble.core.study import Quality
from thimble.core.subject import Subject
from thimble.core.task import SPLITS, Batch, Metric, Split, Task
from thimble.devices import start
from thimble.devices.process import Worker
from thimble.measure.metrics._outputs import primary
from thimble.measure.metrics.agreement import Agreement, agreeing
from thimble.measure.outputs import batch_size, first_output, keeping, run_batch, sqnr_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


def measure_quality(
    subject: Subject,
    split: Split,
    name: str,
    metric: Metric,
    reference: Path | None = None,
    keep: Path | None = None,
    progress: Progress = silent,
) -> Quality:
    """Run the artifact over a split, called ``name``, and score every sample.

    Samples are read in batches, as large as memory and the artifact allow; where its outputs depend on who shares
    the batch (dynamic quantization takes its ranges from all of it), one by one, as on the device. ``keep`` is a
    folder to leave the outputs in, one ``.npy`` for each; ``reference`` such a folder of the baseline's, which gives
    agreement, SQNR and cosine of the first output. Without targets there are no scores, except that the metric
    ``agreement`` scores against the reference. Raises `RuntimeFailed` for outputs that are not finite.
    """
    with start(subject) as worker:
        return quality_of(worker, split, name, metric, reference, keep, progress)


def check_unseen(task: Task, name: str) -> None:
    """Raise `BadInput` where a sample of the split ``name`` is also in another one, which training, calibration or selection has seen."""
    ids = set(task.split(name).sample_ids())
    for other in SPLITS:
        if other == name:
            continue
        try:
            seen = ids.intersection(task.split(other).sample_ids())
        except BadInput:
            continue
        if seen:
            raise BadInput(f"{len(seen)} of the {len(ids)} samples of the {name} split are in {other} too; what was seen proves nothing")


def check_not_learned(task: Task, name: str, artifact: str) -> None:
    """Raise `BadInput` where an artifact, named by its folder or a file in it, has learned from samples of the split ``name``."""
    ours = digests_of(task, [name])
    if seen := len(ours & read_seen(artifact)):
        raise BadInput(
            f"{artifact} has seen {seen:,} of the {len(ours):,} {name} samples of {task.name}: it was trained, calibrated or chosen with "
            "them, so they prove nothing about it; give data that are new to it (or the seed that they were split with)"
        )


def quality_of(
    worker: Worker,
    split: Split,
    name: str,
    metric: Metric,
    reference: Path | None = None,
    keep: Path | None = None,
    progress: Progress = silent,
) -> Quality:
    """The same by a worker that is open; it can go on to other work."""
    last: Scoring | None = None
    for last in scoring(worker, split, name, metric, reference, keep):
        progress(last.seen / len(split), f"{worker.subject.name}: {last.seen} of {len(split)} samples of {name}")
    assert last is not None
    return last.quality()


def scoring(
    worker: Worker, split: Split, name: str, metric: Metric, reference: Path | None = None, keep: Path | None = None
) -> Iterator[Scoring]:
    """The same batch by batch, for who wants to look at what is known so far, and to stop when that is enough.

    ``keep`` is left only when all was scored.
    """
    subject, found = worker.subject, Scoring(name, split.fingerprint(), _Tally(metric, reference))
    with keeping(keep, len(split)) as kept:
        for batch in split.batches(batch_size(worker, split, subject.artifact)):
            outputs = run_batch(worker, batch, subject)
            kept(outputs, found.seen)
            found.add(outputs, batch)
            if found.seen == len(split):
                break
            yield found
    yield found


class Scoring:
    """What is known of a split so far: ``seen`` samples, and the quality on these."""

    def __init__(self, split: str, fingerprint: str, tally: _Tally) -> None:
        self.split, self.fingerprint, self._tally = split, fingerprint, tally
        self.seen, self._started = 0, time.monotonic()

    def add(self, outputs: Arrays, batch: Batch) -> None:
        """One more batch and what came out."""
        self._tally.add(outputs, batch.targets, self.seen)
        self.seen += len(batch)

    def quality(self) -> Quality:
        """Scores and comparisons of the samples that were seen."""
        tally = self._tally
        return Quality(
            split=self.split,
            fingerprint=self.fingerprint,
            metric=snake_case(type(tally.metric).__name__),
            scores=tally.scores(),
            agreement=tuple(tally.agreement),
            sqnr_db=tally.sqnr_db(),
            cosine=tally.cosine(),
            seconds=time.monotonic() - self._started,
            guessing=tally.guessing(),
        )


class _Tally:
    """What has been seen so far: scores, and sums that compare outputs with the reference's, sample by sample."""

    def __init__(self, metric: Metric, reference: Path | None) -> None:
        self.metric = metric
        self.guess = getattr(metric, "guessing", None)
        self.rows: list[NDArray[Any]] = []
        self.targets: list[NDArray[Any]] = []
        self.agreement: list[float] = []
        self.others = first_output(reference) if reference else None
        self.signal = self.noise = 0.0
        self.cosines: list[float] = []

    def add(self, outputs: Arrays, targets: NDArray[Any] | None, seen: int) -> None:
        values = primary(outputs)
        others = None if self.others is None else np.asarray(self.others[seen : seen + len(values)])
        if others is not None:
            self._compare(values, others)
        if isinstance(self.metric, Agreement):
            targets = values if others is None else others
        if targets is not None:
            self.rows.append(self.metric.score(outputs, targets))
            if self.guess:
                self.targets.append(targets)

    def _compare(self, values: NDArray[Any], others: NDArray[Any]) -> None:
        if values.shape != others.shape:
            raise BadInput(f"outputs of shape {values.shape} can't be compared with the baseline's of shape {others.shape}")
        shares = agreeing(values, others)
        if shares is not None:
            self.agreement += [float(share) for share in shares]
        ours, theirs = (array.reshape(len(array), -1).astype(np.float64) for array in (values, others))
        self.signal += float((theirs**2).sum())
        self.noise += float(((ours - theirs) ** 2).sum())
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        self.cosines += [float(c) for c in (ours * theirs).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)]

    def scores(self) -> Any:
        """Scores as plain numbers, or rows of statistics."""
        if not self.rows:
            return ()
        rows = np.concatenate(self.rows)
        return tuple(map(float, rows)) if rows.ndim == 1 else tuple(tuple(map(float, row)) for row in rows)

    def sqnr_db(self) -> float | None:
        """``None`` without a reference; 200 dB stands for outputs that are equal to the last bit."""
        return None if self.others is None else sqnr_db(self.signal, self.noise)

    def guessing(self) -> float | None:
        """``None`` for metrics that don't know what guessing gets."""
        return self.guess(np.concatenate(self.targets)) if self.guess and self.targets else None

    def cosine(self) -> float | None:
        return float(np.mean(self.cosines)) if self.cosines else None
