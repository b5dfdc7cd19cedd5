"""Relative error of the outputs against the baseline's: what is left to score where there are no labels and no decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays

MOST = 100.0
"""A relative error above 10,000 % is given as that."""


class Fidelity:
    """The root of the ratio of noise to signal over all samples, of the output where it is largest: 10 % is 20 dB of SQNR.

    Noise is the difference from the baseline's output, signal the baseline's output. The baseline's own relative error is 0.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    continuous: ClassVar[bool] = True

    def compare(self, outputs: Arrays, others: Arrays) -> NDArray[Any]:
        """Per sample the sums of squares of noise and signal, output by output: shape ``(n, 2 outputs)``.

        Raises `BadInput` for outputs of other shapes than the baseline's.
        """
        import numpy as np

        columns = []
        for ours, (name, theirs) in zip(outputs.values(), others.items(), strict=True):
            if ours.shape != theirs.shape:
                raise BadInput(f"output {name} of shape {ours.shape} can't be compared with the baseline's of shape {theirs.shape}")
            given, wanted = (array.reshape(len(array), -1).astype(np.float64) for array in (ours, theirs))
            columns += [((given - wanted) ** 2).sum(axis=1), (wanted**2).sum(axis=1)]
        return np.stack(columns, axis=1)

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Compare with targets in place of the baseline's first output."""
        name = next(iter(outputs))
        return self.compare({name: outputs[name]}, {name: targets})

    def aggregate(self, scores: NDArray[Any]) -> float:
        """Return the largest relative error of any output, as a share."""
        import numpy as np

        noise, signal = scores.sum(axis=0).reshape(-1, 2).T
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.where(noise > 0, np.sqrt(noise / signal), 0.0)
        return float(min(MOST, errors.max()))
