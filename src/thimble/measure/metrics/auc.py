"""Area under the ROC curve, for two classes of unequal frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


class Auc:
    """The chance that a sample of class 1 gets a larger output than a sample of class 0; equal ones count half.

    One number per sample, or two, of which the second less the first counts. Without both classes it is 0.5.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = False
    classes: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per sample the output and the class, shape ``(n, 2)``."""
        import numpy as np

        from thimble.measure.metrics._outputs import primary

        values = primary(outputs).astype(np.float64).reshape(len(targets), -1)
        if values.shape[1] > 2 or targets.ndim != 1 or not set(np.unique(targets)) <= {0, 1}:
            raise BadInput(f"this metric needs classes 0 and 1, and one or two outputs per sample: {values.shape[1]} outputs are given")
        return np.stack([values[:, -1] - (values[:, 0] if values.shape[1] == 2 else 0), targets], axis=1)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """By ranks (Mann and Whitney 1947)."""
        from scipy.stats import rankdata

        first = scores[:, 1] == 1
        ours, theirs = int(first.sum()), int((~first).sum())
        if not ours or not theirs:
            return 0.5
        return float((rankdata(scores[:, 0])[first].sum() - ours * (ours + 1) / 2) / (ours * theirs))
