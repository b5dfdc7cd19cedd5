"""Mean squared error, for regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


class Mse:
    """The mean over the samples of the squared error of the first output, in the target's unit squared."""

    unit: ClassVar[str] = ""
    higher_is_better: ClassVar[bool] = False
    binary: ClassVar[bool] = False

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Each sample's mean squared error, shape ``(n,)``; targets have the output's shape, or lack its dimensions of size 1."""
        import numpy as np

        from thimble.measure.metrics._outputs import primary

        values = primary(outputs)
        if values.size != targets.size or len(values) != len(targets):
            raise BadInput(f"squared errors need equal shapes: outputs have shape {values.shape}, targets {targets.shape}")
        errors = values.reshape(len(values), -1).astype(np.float64) - targets.reshape(len(targets), -1)
        return np.asarray((errors**2).mean(axis=1))

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The mean."""
        return float(scores.mean())
