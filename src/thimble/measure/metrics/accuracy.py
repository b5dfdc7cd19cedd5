"""Top-1 accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


@dataclass(frozen=True)
class Accuracy:
    """The share of samples whose largest output is the target's class.

    One number per sample decides for class 1 above the ``threshold``: 0.5 for a probability, 0 for a logit.
    """

    threshold: float = 0.0

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    classes: ClassVar[bool] = True
    binary: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """1 where right, else 0, shape ``(n,)``; targets are classes, shape ``(n,)``."""
        from thimble.measure.metrics._outputs import checked_targets, decided_classes, primary

        values = primary(outputs)
        decided = decided_classes(values, self.threshold)
        decided = decided.reshape(len(decided)) if decided.size == len(decided) else decided
        if decided.shape != targets.shape or targets.ndim != 1:
            raise BadInput(f"accuracy needs one class per sample: outputs have shape {values.shape}, targets {targets.shape}")
        right: NDArray[Any] = decided == checked_targets(targets, values)
        return right.astype(float)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The mean."""
        return float(scores.mean())

    @staticmethod
    def guessing(targets: NDArray[Any]) -> float:
        """What who always answers the most frequent class gets, from 0 to 1; targets as in `score`."""
        import numpy as np

        return float(np.unique(targets, return_counts=True)[1].max() / len(targets))
