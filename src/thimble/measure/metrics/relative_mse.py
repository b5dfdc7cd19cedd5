"""Squared error relative to the target's spread, for regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

MOST = 100.0
"""A squared error above 10,000 % of the variance is given as that."""


class RelativeMse:
    """The mean squared error over the variance of the targets: 0 % is exact, 100 % is what answering the mean would get.

    It is 1 - R2, the coefficient of determination, over all samples; of several values per sample the mean over the values, each
    relative to its own variance (scikit-learn's ``uniform_average``). A value that never varies counts absolutely.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    continuous: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per sample and value: squared error, target and its square, shape ``(n, 3 values)``.

        Targets have the output's shape, or lack its dimensions of size 1. More than 64 values per sample are taken as one.
        """
        import numpy as np

        from thimble.measure.metrics._outputs import primary

        values = primary(outputs)
        if values.size != targets.size or len(values) != len(targets):
            raise BadInput(f"squared errors need equal shapes: outputs have shape {values.shape}, targets {targets.shape}")
        given, wanted = (array.reshape(len(array), -1).astype(np.float64) for array in (values, targets))
        parts = [(given - wanted) ** 2, wanted, wanted**2]
        if given.shape[1] > 64:
            parts = [part.mean(axis=1, keepdims=True) for part in parts]
        return np.concatenate(parts, axis=1)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """Return a share of the variance."""
        import numpy as np

        errors, wanted, squares = scores.mean(axis=0).reshape(3, -1)
        spread = squares - wanted**2
        varies = spread > 1e-12 * np.maximum(squares, 1e-300)
        return float(min(MOST, np.where(varies, errors / np.where(varies, spread, 1.0), errors).mean()))

    def beside(self, scores: NDArray[Any]) -> dict[str, str]:
        """Return the squared error itself and its root, in the target's own unit."""
        error = float(scores[:, : scores.shape[1] // 3].mean())
        return {"mean squared error": f"{error:.4g}", "root mean squared error": f"{error**0.5:.4g}"}
