"""The first samples of a split, as a split: what a short time budget leaves of it."""

from __future__ import annotations

from collections.abc import Iterator

from thimble.core.task import Batch, Split, beginning_fingerprint


class Beginning:
    """The first samples of a split, as a split."""

    def __init__(self, whole: Split, samples: int) -> None:
        self._whole, self._samples = whole, samples

    def __len__(self) -> int:
        return self._samples

    def batches(self, size: int) -> Iterator[Batch]:
        """The first samples, ``size`` at a time."""
        left = self._samples
        for batch in self._whole.batches(size):
            short = len(batch) > left
            targets = batch.targets if batch.targets is None or not short else batch.targets[:left]
            yield Batch({k: v[:left] for k, v in batch.inputs.items()}, targets) if short else batch
            left -= len(batch)
            if left <= 0:
                return

    def fingerprint(self) -> str:
        """A digest of the whole's and of how many samples there are."""
        return beginning_fingerprint(self._whole.fingerprint(), self._samples)

    def sample_ids(self) -> tuple[str, ...]:
        """The first samples' digests."""
        return self._whole.sample_ids()[: self._samples]
