"""Mean intersection over union, for segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

IGNORED = 255
"""The target of pixels that are not scored, as Pascal VOC has it."""


class MeanIou:
    """Per class the pixels in both over the pixels in either, over all samples; then the mean over the classes that occur."""

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = False

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per sample the intersections of all classes, then their unions: shape ``(n, 2 classes)``.

        The first output has shape ``(n, classes, height, width)``, targets ``(n, height, width)``.
        """
        import numpy as np

        from thimble.measure.metrics._outputs import checked_targets, decided_classes, primary

        values = primary(outputs)
        decided = decided_classes(values)
        if values.ndim != 4 or decided.shape != targets.shape:
            raise BadInput(f"mean IoU needs a class per pixel: outputs have shape {values.shape}, targets {targets.shape}")
        checked_targets(targets, values, IGNORED)
        scored = targets != IGNORED
        rows = []
        for c in range(values.shape[1]):
            ours, theirs = (decided == c) & scored, targets == c
            rows.append(((ours & theirs).sum(axis=(1, 2)), (ours | theirs).sum(axis=(1, 2))))
        return np.concatenate([np.stack(part, axis=1) for part in zip(*rows, strict=True)], axis=1).astype(float)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """From the sums over all rows."""
        intersections, unions = scores.sum(axis=0).reshape(2, -1)
        seen = unions > 0
        return float((intersections[seen] / unions[seen]).mean()) if seen.any() else 0.0
