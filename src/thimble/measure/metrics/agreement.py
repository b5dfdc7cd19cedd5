"""Agreement with other outputs of the same samples: what is left to score where there are no labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

NEARLY_ALL = 0.99


class Agreement:
    """The share of samples that are decided as the baseline decides them.

    A sample with many decisions (pixels, tokens) agrees where at least 99 % of them do.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """1 where decided alike, else 0, shape ``(n,)``; ``targets`` are the other model's first output."""
        from thimble.measure.metrics._outputs import primary

        shares = agreeing(primary(outputs), targets)
        if shares is None:
            raise BadInput("one number per sample is no decision that could agree; compare such outputs by their SQNR")
        return (shares >= NEARLY_ALL).astype(float)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The mean."""
        return float(scores.mean())


def agreeing(values: NDArray[Any], others: NDArray[Any]) -> NDArray[Any] | None:
    """Per sample the share of decisions that are equal, shape ``(n,)``; ``None`` where nothing is decided."""
    import numpy as np

    from thimble.measure.metrics._outputs import decisions

    ours, theirs = decisions(values), decisions(others)
    if ours is None or theirs is None:
        return None
    if ours.shape != theirs.shape:
        raise BadInput(f"outputs of shape {values.shape} can't be compared with the baseline's of shape {others.shape}")
    equal: NDArray[Any] = (ours == theirs).reshape(len(ours), -1)
    return np.asarray(equal.mean(axis=1))
