"""Agreement with other outputs of the same samples: what is left to score where there are no labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

NEARLY_ALL = 0.99


@dataclass(frozen=True)
class Agreement:
    """The share of samples that are decided as the baseline decides them.

    A sample with many decisions (pixels, tokens) agrees where at least 99 % of them do. One number per sample decides for
    class 1 above the ``threshold``.
    """

    threshold: float = 0.0

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """1 where decided alike, else 0, shape ``(n,)``; ``targets`` are the other model's first output."""
        from thimble.measure.metrics._outputs import primary

        shares = agreeing(primary(outputs), targets, self.threshold)
        assert shares is not None
        return (shares >= NEARLY_ALL).astype(float)

    def compare(self, outputs: Arrays, others: Arrays) -> NDArray[Any]:
        """Score against the baseline's outputs, of which the first is compared."""
        from thimble.measure.metrics._outputs import primary

        return self.score(outputs, primary(others))

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The mean."""
        return float(scores.mean())


def agreeing(values: NDArray[Any], others: NDArray[Any], threshold: float | None = None) -> NDArray[Any] | None:
    """Per sample the share of decisions that are equal, shape ``(n,)``; ``None`` where nothing is decided.

    One number per sample decides above the ``threshold``, and decides nothing without one.
    """
    import numpy as np

    from thimble.measure.metrics._outputs import decisions

    ours, theirs = decisions(values, threshold), decisions(others, threshold)
    if ours is None or theirs is None:
        return None
    if ours.shape != theirs.shape:
        raise BadInput(f"outputs of shape {values.shape} can't be compared with the baseline's of shape {others.shape}")
    equal: NDArray[Any] = (ours == theirs).reshape(len(ours), -1)
    return np.asarray(equal.mean(axis=1))
