"""Agreement of texts: what is scored of a recogniser where there are no labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


class TextAgreement:
    """The characters that are as the baseline reads them: 1 less the edits over the longer text of each sample, then the mean.

    Texts are decoded by CTC with the largest value at each step; the blank is the first or the last number, whichever the baseline gives
    more often.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = False

    def compare(self, outputs: Arrays, others: Arrays) -> NDArray[Any]:
        """Each sample's share, shape ``(n,)``."""
        from thimble.measure.metrics._outputs import primary

        return self.score(outputs, primary(others))

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Compare with targets in place of the baseline's first output, shape ``(n,)``."""
        import numpy as np

        from thimble.measure.metrics._outputs import primary
        from thimble.measure.metrics.cer import decoded, edits

        best = targets.argmax(axis=2)
        blank = 0 if (best == 0).sum() >= (best == targets.shape[2] - 1).sum() else -1
        pairs = zip(decoded(primary(outputs), blank), decoded(targets, blank), strict=True)
        return np.array([1 - edits(a, b) / max(1, len(a), len(b)) for a, b in pairs])

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The mean."""
        return float(scores.mean())
