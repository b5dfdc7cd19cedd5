"""Equal error rate, for verification and wake words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.measure.metrics.auc import Auc

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Eer(Auc):
    """The error rate at the threshold where as large a share of class 0 is accepted as of class 1 is refused.

    Between two thresholds it is interpolated along the ROC curve. Outputs and targets are as for `Auc`.
    """

    higher_is_better: ClassVar[bool] = False

    def aggregate(self, scores: NDArray[Any]) -> float:
        """Return the rate, from 0 to 1; 0.5 without both classes."""
        import numpy as np

        order = np.argsort(-scores[:, 0], kind="stable")
        values, first = scores[order, 0], scores[order, 1] == 1
        if first.all() or not first.any():
            return 0.5
        last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
        refused = np.append(1.0, 1 - np.cumsum(first)[last] / first.sum())
        accepted = np.append(0.0, np.cumsum(~first)[last] / (~first).sum())
        i = int(np.argmax(accepted >= refused))
        gap, before = accepted[i] - refused[i], refused[i - 1] - accepted[i - 1]
        share = before / (gap + before) if gap + before > 0 else 0.0
        return float(accepted[i - 1] + share * (accepted[i] - accepted[i - 1]))
