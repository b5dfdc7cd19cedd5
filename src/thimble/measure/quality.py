"""Quality of an artifact on a split: scores sample by sample, and how its outputs compare with the baseline's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.core.errors import BadInput
from thimble.core.registry import snake_case
from thimble.core.seen import digests_of, read_seen
from thimble.core.study import Quality
from thimble.core.subject import Subject
from thimble.core.task import SPLITS, Batch, Metric, Split, Task
from thimble.devices import start
from thimble.devices.process import Worker
from thimble.measure.deciding import graph_threshold, keep_threshold
from thimble.measure.outputs import batch_size, keeping, run_batch
from thimble.measure.tally import Tally

if TYPE_CHECKING:
    from thimble.core.task import Arrays


def measure_quality(
    subject: Subject, split: Split, name: str, metric: Metric, reference: Path | None = None, keep: Path | None = None
) -> Quality:
    """`scoring` of a whole split, by a process of the subject's own."""
    with start(subject) as worker:
        *_, last = scoring(worker, split, name, metric, reference, keep)
        return last.quality()


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
            raise BadInput(f"{len(seen)} of the {len(ids)} samples of the {name} split are in {other} too; score it on unseen samples")


def check_not_learned(task: Task, name: str, artifact: str) -> None:
    """Raise `BadInput` where an artifact, named by its folder or a file in it, has learned from samples of the split ``name``."""
    ours = digests_of(task, [name])
    if seen := len(ours & read_seen(artifact)):
        raise BadInput(
            f"{artifact} has seen {seen:,} of the {len(ours):,} {name} samples of {task.name}: it was trained, calibrated or chosen with "
            "them, so they prove nothing about it. Give unseen data, or the --seed that the data were split with"
        )


def scoring(
    worker: Worker, split: Split, name: str, metric: Metric, reference: Path | None = None, keep: Path | None = None
) -> Iterator[Scoring]:
    """Run an open artifact over a split, called ``name``, and score every sample; after each batch what is known so far is given.

    Samples are read in batches, as large as memory and the artifact allow; where its outputs depend on who shares
    the batch (dynamic quantization takes its ranges from all of it), one by one, as on the device. ``keep`` is a
    folder to leave the outputs in when all was scored, one ``.npy`` for each; ``reference`` such a folder of the baseline's, which
    gives agreement and cosine of the first output, and the SQNR of each. Without targets there are no scores, except those of metrics
    that compare with the reference. Raises `RuntimeFailed` for outputs that are not finite.
    """
    subject = worker.subject
    found = Scoring(name, split.fingerprint(), Tally(metric, reference, None if reference else graph_threshold(subject)))
    with keeping(keep, len(split)) as kept:
        for batch in split.batches(batch_size(worker, split, subject.artifact)):
            outputs = run_batch(worker, batch, subject)
            kept(outputs, found.seen)
            found.add(outputs, batch)
            if found.seen == len(split):
                break
            yield found
    if keep is not None:
        keep_threshold(keep, found.threshold)
    yield found


class Scoring:
    """What is known of a split so far: ``seen`` samples, and the quality on these."""

    def __init__(self, split: str, fingerprint: str, tally: Tally) -> None:
        self.split, self.fingerprint, self._tally = split, fingerprint, tally
        self.seen, self._started = 0, time.monotonic()

    def add(self, outputs: Arrays, batch: Batch) -> None:
        """One more batch and what came out."""
        self._tally.add(outputs, batch.targets, self.seen)
        self.seen += len(batch)

    @property
    def threshold(self) -> float | None:
        """The number above which one output decides for class 1; ``None`` where none was needed."""
        return self._tally.threshold

    def quality(self) -> Quality:
        """Scores and comparisons of the samples that were seen."""
        tally = self._tally
        return Quality(
            split=self.split,
            fingerprint=self.fingerprint,
            metric=getattr(tally.metric, "name", snake_case(type(tally.metric).__name__)),
            scores=tally.scores(),
            agreement=tuple(tally.agreement),
            sqnr_db=tally.sqnr_db(),
            sqnr_by_output=tally.sqnr_by_output(),
            cosine=tally.cosine(),
            seconds=time.monotonic() - self._started,
            guessing=tally.guessing(),
        )
