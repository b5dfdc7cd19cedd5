"""Top-2 accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


@dataclass(frozen=True)
class Top2:
    """The share of samples whose class is among the two largest outputs.

    Scores are one number a sample, so that Thimble can compare two models on the same samples, and give the loss an interval.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    classes: ClassVar[bool] = True
    binary: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """1 where the class is among the two, else 0, shape ``(n,)``; targets are classes, shape ``(n,)``."""
        import numpy as np

        values = next(iter(outputs.values()))
        if values.ndim != 2 or targets.ndim != 1 or len(values) != len(targets):
            raise BadInput(f"top2 needs a score for each class: outputs have shape {values.shape}, targets {targets.shape}")
        best = np.argsort(-values, axis=1, kind="stable")[:, :2]
        return (best == targets[:, None]).any(axis=1).astype(float)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The share, from 0 to 1."""
        return float(scores.mean())
