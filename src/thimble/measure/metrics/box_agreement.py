"""Agreement of boxes: what is scored of a detector where there are no labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

SURE = 0.25
"""Boxes are compared that score so much or more."""
SAME = 0.5
"""Overlap (intersection over union) from which two boxes of a class are the same."""


class BoxAgreement:
    """Per image twice the boxes that both have over the boxes of each, after decoding; then the mean over the images.

    Both have a box where the classes are equal and the overlap is at least 50 %; pairs are made in the order of the score. An image in
    which neither finds anything agrees.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = False

    def compare(self, outputs: Arrays, others: Arrays) -> NDArray[Any]:
        """Each image's share, shape ``(n,)``."""
        import numpy as np

        from thimble.measure.metrics._boxes import boxes_of

        pairs = zip(boxes_of(outputs, SURE), boxes_of(others, SURE), strict=True)
        return np.array([_shared(ours, theirs) for ours, theirs in pairs])

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Compare with targets in place of the baseline's only output."""
        return self.compare(outputs, {next(iter(outputs)): targets})

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The mean."""
        return float(scores.mean())


def _shared(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    from thimble.measure.metrics._boxes import overlaps

    if not len(ours) and not len(theirs):
        return 1.0
    free = overlaps(ours, theirs) * (ours[:, None, 5] == theirs[None, :, 5])
    both = 0
    for row in free:
        if row.size and row.max() >= SAME:
            both += 1
            free[:, row.argmax()] = 0
    return 2 * both / (len(ours) + len(theirs))
