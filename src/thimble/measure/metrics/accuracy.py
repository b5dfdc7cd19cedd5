"""Top-1 accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


class Accuracy:
    """The share of samples whose largest logit is the target's. One logit per sample: class 1 above zero."""

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """1 where right, else 0, shape ``(n,)``; targets are classes, shape ``(n,)``."""
        from thimble.measure.metrics._outputs import checked_targets, decided_classes, primary

        values = primary(outputs)
        decided = decided_classes(values)
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
