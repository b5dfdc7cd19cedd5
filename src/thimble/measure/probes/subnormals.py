"""Subnormal numbers: so close to zero that processors handle them many times slower than others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.subject import Subject

if TYPE_CHECKING:
    from thimble.core.task import Arrays


class Subnormals:
    """How many weights, and how many numbers inside the network on the given inputs, are subnormal.

    Fine-tuned and pruned networks grow them. In FP32 they lie between 0 and 1.2e-38.
    """

    title: ClassVar[str] = "subnormal numbers"
    slow: ClassVar[bool] = False

    def observe(self, subject: Subject, inputs: Arrays) -> dict[str, Any]:
        """``weights`` and ``activations``: how many; ``weights_share`` and ``activations_share`` of all, from 0 to 1.

        What the format doesn't tell is ``None``.
        """
        from thimble.formats import format_named
        from thimble.measure.size import stored_tensors

        try:
            stored = stored_tensors(subject.folder, subject.artifact) or []
        except ModuleNotFoundError:  # the library that reads the file lies in another Python
            stored = []
        weights, total = sum(t.subnormal for t in stored), sum(t.count for t in stored)
        found = {"weights": weights, "weights_share": weights / total} if total else {"weights": None, "weights_share": None}
        format = format_named(subject.artifact.format)
        try:
            counted = format.subnormal_activations(subject.folder / subject.artifact.main, inputs) if format else None
        except Exception:  # a network that can't be looked into says nothing
            counted = None
        few, all_ = counted or (None, None)
        return {**found, "activations": few, "activations_share": few / all_ if few is not None and all_ else None}
