"""What has been seen of a split so far: scores, and how the outputs compare with the baseline's, sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.errors import BadInput
from thimble.core.task import Metric
from thimble.measure.deciding import kept_threshold, needs_threshold, with_threshold
from thimble.measure.metrics._outputs import primary, threshold_of
from thimble.measure.metrics.agreement import agreeing
from thimble.measure.outputs import kept_outputs, sqnr_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


class Tally:
    """Adds batch after batch. ``reference`` is a folder of the baseline's outputs, ``threshold`` what the graph tells of one."""

    def __init__(self, metric: Metric, reference: Path | None, threshold: float | None = None) -> None:
        self.metric, self._threshold = with_threshold(metric, threshold), threshold
        self._guess = getattr(metric, "guessing", None)
        self._waiting: list[tuple[Arrays, NDArray[Any]]] = []
        self._rows: list[NDArray[Any]] = []
        self._targets: list[NDArray[Any]] = []
        self._others = kept_outputs(reference) if reference else None
        self._sums: dict[str, list[float]] = {}
        self._cosines: list[float] = []
        self.agreement: list[float] = []
        if reference is not None and self._others is not None:
            self._decide_at(kept_threshold(reference, primary(self._others)))

    @property
    def threshold(self) -> float | None:
        """The number above which one output decides for class 1; ``None`` where none was needed."""
        return 0.5 if self._waiting else self._threshold

    def add(self, outputs: Arrays, targets: NDArray[Any] | None, seen: int) -> None:
        """One more batch, which ``seen`` samples came before."""
        n = len(primary(outputs))
        others = None
        if self._others is not None:
            others = {name: np.asarray(array[seen : seen + n]) for name, array in self._others.items()}
            self._compare(outputs, others)
        if hasattr(self.metric, "compare"):
            self._rows.append(self.metric.compare(outputs, outputs if others is None else others))
        elif targets is not None:
            self._score(outputs, targets)
            if self._guess:
                self._targets.append(targets)

    def _decide_at(self, threshold: float) -> None:
        """Take the threshold, and score what waited for it."""
        self._threshold, self.metric = threshold, with_threshold(self.metric, threshold)
        self._rows += [self.metric.score(outputs, targets) for outputs, targets in self._waiting]
        self._waiting.clear()

    def _score(self, outputs: Arrays, targets: NDArray[Any]) -> None:
        """Score a batch; without a threshold, only when a value shows that the outputs are no probabilities, or at the end."""
        values = primary(outputs)
        if self._threshold is not None or not needs_threshold(self.metric, values, targets):
            self._rows.append(self.metric.score(outputs, targets))
            return
        self._waiting.append((outputs, targets))
        if threshold_of(values) == 0.0:
            self._decide_at(0.0)

    def _compare(self, outputs: Arrays, others: Arrays) -> None:
        values, wanted = primary(outputs), primary(others)
        if values.shape != wanted.shape:
            raise BadInput(f"outputs of shape {values.shape} can't be compared with the baseline's of shape {wanted.shape}")
        shares = agreeing(values, wanted, self._threshold if hasattr(self.metric, "threshold") else None)
        if shares is not None:
            self.agreement += [float(share) for share in shares]
        for name, ours, theirs in _paired(outputs, others):
            sums = self._sums.setdefault(name, [0.0, 0.0])
            sums[0] += float((theirs**2).sum())
            sums[1] += float(((ours - theirs) ** 2).sum())
        ours, theirs = (array.reshape(len(array), -1).astype(np.float64) for array in (values, wanted))
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        self._cosines += [float(c) for c in (ours * theirs).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)]

    def scores(self) -> Any:
        """Scores as plain numbers, or rows of statistics."""
        last = with_threshold(self.metric, self.threshold)
        parts = [*self._rows, *(last.score(outputs, targets) for outputs, targets in self._waiting)]
        if not parts:
            return ()
        rows = _concatenated(parts)
        return tuple(map(float, rows)) if rows.ndim == 1 else tuple(tuple(map(float, row)) for row in rows)

    def sqnr_db(self) -> float | None:
        """Return the SQNR of the first output; ``None`` without a reference; 200 dB means outputs equal to the last bit."""
        return None if self._others is None else next((sqnr_db(*sums) for sums in self._sums.values()), 200.0)

    def sqnr_by_output(self) -> dict[str, float]:
        """Of every output, where there are several."""
        return {name: sqnr_db(*sums) for name, sums in self._sums.items()} if len(self._sums) > 1 else {}

    def guessing(self) -> float | None:
        """``None`` for metrics that don't know what guessing gets."""
        return self._guess(np.concatenate(self._targets)) if self._guess and self._targets else None

    def cosine(self) -> float | None:
        """Mean over the samples, of the first output."""
        return float(np.mean(self._cosines)) if self._cosines else None


def _paired(outputs: Arrays, others: Arrays) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Outputs of equal shape, by position, in 64 bits, under the baseline's names."""
    pairs = [(name, ours, theirs) for ours, (name, theirs) in zip(outputs.values(), others.items(), strict=False)]
    return [(name, ours.astype(np.float64), theirs.astype(np.float64)) for name, ours, theirs in pairs if ours.shape == theirs.shape]


def _concatenated(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Rows of all batches; shorter ones are filled up with zeros."""
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    width = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts])
