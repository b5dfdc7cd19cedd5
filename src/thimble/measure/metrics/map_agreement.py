"""Agreement of maps: what is scored of a segmenter where there are no labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


@dataclass(frozen=True)
class MapAgreement:
    """The share of pixels that are decided as the baseline decides them; a mask of one channel is decided at the ``threshold``."""

    threshold: float = 0.0

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    binary: ClassVar[bool] = False

    def compare(self, outputs: Arrays, others: Arrays) -> NDArray[Any]:
        """Each sample's share, shape ``(n,)``, against the baseline's first output."""
        from thimble.measure.metrics._outputs import primary

        return self.score(outputs, primary(others))

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Compare with targets in place of the baseline's first output, shape ``(n,)``."""
        from thimble.measure.metrics._outputs import primary
        from thimble.measure.metrics.agreement import agreeing

        shares = agreeing(primary(outputs), targets, self.threshold)
        assert shares is not None
        return shares

    def aggregate(self, scores: NDArray[Any]) -> float:
        """The mean."""
        return float(scores.mean())
