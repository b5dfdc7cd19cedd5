"""Character error rate, for text recognition with CTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from thimble.core.task import Arrays


class Cer:
    """Insertions, deletions and substitutions over the characters of the targets, over all samples; may exceed 100 %.

    The first output has shape ``(n, steps, characters)``; it is decoded by its largest value at each step, repeats merged and blanks
    dropped (CTC, Graves et al. 2006). Targets have shape ``(n, 1 + length)``: first the number of the blank (-1: the last one), then
    the numbers of the characters, filled up with -1.
    """

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    continuous: ClassVar[bool] = True

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per sample the edits and the length of the target, shape ``(n, 2)``."""
        import numpy as np

        from thimble.measure.metrics._outputs import primary

        values = primary(outputs)
        if values.ndim != 3 or targets.ndim != 2 or targets.dtype.kind not in "iu":
            raise BadInput(f"CER needs outputs (n, steps, characters) and whole targets (n, length): {values.shape} and {targets.shape}")
        wanted = [row[1:][row[1:] >= 0].tolist() for row in targets]
        found = decoded(values, int(targets[0, 0]))
        return np.array([[edits(a, b), len(b)] for a, b in zip(found, wanted, strict=True)], float)

    def aggregate(self, scores: NDArray[Any]) -> float:
        """From the sums over all rows."""
        made, length = scores.sum(axis=0)
        return float(made / max(1.0, length))


def decoded(values: NDArray[Any], blank: int) -> list[list[int]]:
    """Return the characters' numbers of each sample: the largest at each step, repeats merged, blanks dropped."""
    best = values.argmax(axis=2)
    blank %= values.shape[2]
    found = []
    for row in best:
        merged = [int(one) for i, one in enumerate(row) if i == 0 or one != row[i - 1]]
        found.append([one for one in merged if one != blank])
    return found


def edits(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """Return the least number of insertions, deletions and substitutions from one to the other (Levenshtein 1966)."""
    before = list(range(len(theirs) + 1))
    for i, one in enumerate(ours, 1):
        now = [i]
        for j, other in enumerate(theirs, 1):
            now.append(min(before[j] + 1, now[-1] + 1, before[j - 1] + (one != other)))
        before = now
    return before[-1]
