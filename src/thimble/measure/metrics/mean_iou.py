"""Mean intersection over union, for segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

IGNORED = 255
"""The target of pixels that are not scored, as Pascal VOC has it."""
WHOLE = 256
"""Classes that are counted where the network answers with whole numbers, which don't tell how many there are."""


@dataclass(frozen=True)
class MeanIou:
    """Per class the pixels in both over the pixels in either, over all samples; then the mean over the classes that occur.

    A mask of one channel decides for class 1 above the ``threshold``: 0.5 for probabilities, 0 for logits.
    """

    threshold: float = 0.0

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    classes: ClassVar[bool] = True
    binary: ClassVar[bool] = False

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per sample the intersections of all classes, then their unions: shape ``(n, 2 classes)``.

        The first output has shape ``(n, classes, height, width)``, or is a map of whole numbers; targets ``(n, height, width)``.
        """
        import numpy as np

        from thimble.measure.metrics._outputs import checked_targets, decided_classes, primary, single

        values = primary(outputs)
        whole = values.dtype.kind in "iub"
        values = values[:, 0] if whole and values.ndim == 4 and values.shape[1] == 1 else values
        if values.ndim != (3 if whole else 4):
            raise BadInput(f"mean IoU needs a class per pixel: outputs have shape {values.shape}, targets {targets.shape}")
        decided = decided_classes(values, self.threshold)
        if decided.shape != targets.shape:
            raise BadInput(
                f"mean IoU needs a class per pixel: outputs have shape {values.shape}, targets {targets.shape}. Where the network answers "
                "at another size, resize its output to the input's size in the network itself"
            )
        checked_targets(targets, values, IGNORED)
        scored = targets != IGNORED
        rows = []
        for c in range(WHOLE if whole else 2 if single(values) else values.shape[1]):
            ours, theirs = (decided == c) & scored, targets == c
            rows.append(((ours & theirs).sum(axis=(1, 2)), (ours | theirs).sum(axis=(1, 2))))
        return np.concatenate([np.stack(part, axis=1) for part in zip(*rows, strict=True)], axis=1).astype(float)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """From the sums over all rows."""
        intersections, unions = scores.sum(axis=0).reshape(2, -1)
        seen = unions > 0
        return float((intersections[seen] / unions[seen]).mean()) if seen.any() else 0.0
