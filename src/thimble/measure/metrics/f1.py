"""F1, for classes that are rare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


@dataclass(frozen=True)
class F1:
    """Per class the harmonic mean of precision and recall over all samples; then the mean over the classes that occur (macro F1).

    Targets of shape ``(n,)`` are classes, of shape ``(n, classes)`` zeros and ones (several labels each: a label is
    decided where its output is above the ``threshold``, 0.5 for probabilities and 0 for logits). With one number per
    sample: the F1 of class 1.
    """

    threshold: float = 0.0

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    classes: ClassVar[bool] = True
    binary: ClassVar[bool] = False

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per sample and class: hits, decided, wanted; shape ``(n, 3 classes)``."""
        import numpy as np

        from thimble.measure.metrics._outputs import checked_targets, decided_classes, primary

        values = primary(outputs)
        values = values[:, 0] if values.ndim == 2 and targets.ndim == 1 and values.shape[1] == 1 else values
        if targets.ndim == 2 and targets.shape == values.shape:
            decided, wanted = values > self.threshold, targets > 0
        elif targets.ndim == 1 and values.size == len(values):
            decided, wanted = decided_classes(values, self.threshold).reshape(-1, 1) > 0, targets.reshape(-1, 1) > 0
        elif targets.ndim == 1 and values.ndim == 2:
            classes = np.arange(values.shape[1])
            wanted = checked_targets(targets, values)[:, None] == classes
            decided = decided_classes(values)[:, None] == classes
        else:
            raise BadInput(f"F1 needs classes or labels per sample: outputs have shape {values.shape}, targets {targets.shape}")
        return np.concatenate([decided & wanted, decided, wanted], axis=1).astype(float)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """From the sums over all rows."""
        hits, decided, wanted = scores.sum(axis=0).reshape(3, -1)
        seen = decided + wanted > 0
        return float((2 * hits[seen] / (decided + wanted)[seen]).mean()) if seen.any() else 0.0
