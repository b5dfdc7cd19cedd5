"""Dice coefficient, for segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thimble.measure.metrics.mean_iou import MeanIou

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Dice(MeanIou):
    """Per class twice the pixels in both over the sum of the pixels in each, over all samples; then the mean over the classes.

    Dice 1945, "Measures of the amount of ecologic association between species"; the F1 score of pixels. Classes that occur in
    neither targets nor answers don't count. Samples, targets and ``threshold`` are as for `MeanIou`.
    """

    def aggregate(self, scores: NDArray[Any]) -> float:
        """Return a share from 0 to 1, from the sums over all rows."""
        intersections, unions = scores.sum(axis=0).reshape(2, -1)
        seen = unions > 0
        return float((2 * intersections[seen] / (unions + intersections)[seen]).mean()) if seen.any() else 0.0
